/** Whole projects of several languages, built and run: test/projects/builds. The base is a Debian that mmdebstrap makes. */
import { beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { slowness } from "../harness/command.ts";
import { runClient } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const isWanted = process.env.DHOW_TEST_PROJECTS === "1" && Bun.which("mmdebstrap") !== null;
const projects = fileURLToPath(new URL("../projects/builds", import.meta.url));
const daemon = withDaemon();
const minutes = 60_000 * slowness;

beforeAll(async () => {
  if (!isWanted) return;
  const words = ["image", "bootstrap", "debian:bookworm", "--tag", "debian:bookworm"];
  const made = await runClient("dhow", daemon().socket, words, { timeoutMs: 600_000 });
  expect([made.code, made.stderr]).toEqual([0, expect.any(String)]);
}, 10 * minutes);

for (const name of readdirSync(projects).sort()) {
  test.skipIf(!isWanted)(
    `${name} is built and says what it should; again it is of the cache (needs DHOW_TEST_PROJECTS=1 and mmdebstrap)`,
    async () => {
      const directory = join(projects, name);
      const read = (file: string): string => readFileSync(join(directory, file), "utf8");
      const args = read("arguments.txt").replaceAll("@", directory).split("\n").filter(Boolean);
      const build = () =>
        runClient("dhow", daemon().socket, ["build", "-q", "-t", `project-${name}`, ...args, directory], {
          timeoutMs: 600_000,
        });
      const first = await build();
      expect([first.code, first.stderr]).toEqual([0, ""]);
      expect(await daemon().must("run", "--rm", `project-${name}`)).toBe(read("expected.txt"));
      expect((await build()).stdout).toBe(first.stdout);
    },
    10 * minutes,
  );
}
