/** The tests that kill the engine's processes at their fail points, several rounds each. */
import { fileURLToPath } from "node:url";
import { succeed } from "../../test/harness/command.ts";

const files = ["crash-points", "crash-commits", "crash-supervisor", "crash-recovery", "network-crash"];

export async function kills(rounds: number): Promise<string[]> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  await succeed(["node", `${root}scripts/build.mjs`, "--test"]);
  const paths = files.map((name) => `test/e2e/${name}.test.ts`);
  const child = Bun.spawn([process.execPath, "test", "--timeout", "600000", ...paths], {
    cwd: root,
    env: { ...process.env, DHOW_CRASH_ROUNDS: String(rounds) },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return (await child.exited) === 0 ? [] : ["a kill left something behind"];
}
