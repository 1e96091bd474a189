import { expect, test } from "bun:test";
import { closeSync, readFileSync, writeSync } from "node:fs";
import { sealedExecutable } from "./memfd.ts";

test("sealedExecutable() runs and cannot be written to", () => {
  const fd = sealedExecutable("true", readFileSync("/bin/true"));
  try {
    expect(Bun.spawnSync([`/proc/${process.pid}/fd/${fd}`]).exitCode).toBe(0);
    expect(() => writeSync(fd, "x", 0)).toThrow("EPERM");
  } finally {
    closeSync(fd);
  }
});
