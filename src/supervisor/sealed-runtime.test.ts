import { expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executableOf } from "./sealed-runtime.ts";

test("executableOf() is one sealed copy of a program until the program is replaced; a script stays where it is", () => {
  const dir = mkdtempSync(join(tmpdir(), "dhow-sealed-"));
  try {
    const path = join(dir, "crun");
    const runtime = { path, kind: "crun", root: "" } as const;
    copyFileSync("/bin/true", path);
    const copy = executableOf(runtime);
    expect(copy).toStartWith("/proc/");
    expect(executableOf(runtime)).toBe(copy);
    expect(Bun.spawnSync([copy]).exitCode).toBe(0);
    rmSync(path);
    copyFileSync("/bin/false", path);
    expect(Bun.spawnSync([executableOf(runtime)]).exitCode).toBe(1);
    writeFileSync(path, "#!/bin/sh\n", { mode: 0o755 });
    expect(executableOf(runtime)).toBe(path);
    expect(executableOf({ ...runtime, path: "/bin/true", kind: "runc" })).toBe("/bin/true");
  } finally {
    rmSync(dir, { recursive: true });
  }
});
