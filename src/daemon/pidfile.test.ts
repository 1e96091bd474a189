import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writePidfile } from "./pidfile.ts";

test("a pidfile is refused while its process lives, and not for one that is dead and only not waited for", async () => {
  const directory = mkdtempSync(join(tmpdir(), "dhow-pidfile-"));
  const path = join(directory, "dhow.pid");
  // The inner one ends when its parent has become a sleep, which never waits for it.
  const parent = Bun.spawn(["sh", "-c", "sleep 0.1 & echo $!; exec sleep 30"], { stdout: "pipe" });
  try {
    const { value } = await parent.stdout.getReader().read();
    const zombie = Number(new TextDecoder().decode(value));
    while (!readFileSync(`/proc/${zombie}/stat`, "latin1").includes(") Z ")) await Bun.sleep(5);
    writeFileSync(path, String(parent.pid));
    expect(() => writePidfile(path)).toThrow(`process with PID ${parent.pid} is still running`);
    writeFileSync(path, String(zombie));
    writePidfile(path)[Symbol.dispose]();
    expect(existsSync(path)).toBe(false);
  } finally {
    parent.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  }
});
