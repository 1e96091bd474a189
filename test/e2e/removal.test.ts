/** A removal that cannot be done now leaves the container listed, and is done by asking again. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { run, succeed } from "../harness/command.ts";
import { supervisorPid } from "../harness/crash.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const dhow = (...args: string[]) => daemon().dhow(...args);

async function running(name: string): Promise<string> {
  const made = await dhow("run", "-d", "--name", name, "-v", `${name}-data:/data`, "busybox", "sleep", "600");
  expect(made.stderr).toBe("");
  return made.stdout.trim();
}

const stateOf = async (name: string) =>
  (await dhow("ps", "-a", "--filter", `name=${name}`, "--format", "{{.State}}")).stdout;

test("hardening 168: rm -f of a container whose directory is busy says so, keeps it as dead, and ends when asked again", async () => {
  const id = await running("busy");
  const directory = join(daemon().dataRoot, "containers", id);
  await succeed(["mount", "-t", "tmpfs", "busy", directory]);
  try {
    for (const again of [false, true]) {
      const { code, stderr } = await dhow("rm", "-f", "busy");
      expect([again, code, stderr]).toEqual([again, 1, expect.stringContaining('cannot remove container "busy"')]);
      expect(stderr).toContain("busy or locked");
      expect(await stateOf("busy")).toBe("dead\n");
    }
    await daemon().restart();
    expect(await stateOf("busy")).toBe("dead\n");
  } finally {
    await run(["umount", directory]);
  }
  expect(await dhow("rm", "-f", "busy")).toMatchObject({ code: 0, stdout: "busy\n" });
  expect([await stateOf("busy"), existsSync(directory)]).toEqual(["", false]);
  await dhow("volume", "rm", "busy-data");
});

test("hardening 168: rm -f under a supervisor that does not answer ends with an error, and works when that goes on", async () => {
  await running("stuck");
  const pid = supervisorPid(daemon());
  process.kill(pid, "SIGSTOP");
  try {
    const { code, stderr } = await dhow("rm", "-f", "stuck");
    expect([code, stderr]).toEqual([1, expect.stringContaining("supervisor has not answered")]);
    expect(await stateOf("stuck")).not.toBe("");
  } finally {
    process.kill(pid, "SIGCONT");
  }
  expect(await dhow("rm", "-f", "stuck")).toMatchObject({ code: 0 });
  expect(await stateOf("stuck")).toBe("");
  await dhow("volume", "rm", "stuck-data");
}, 120_000);
