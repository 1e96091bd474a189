import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { securityOptions } from "./security-options.ts";

test("securityOptions() sends a seccomp profile compact, with every digit of its numbers", async () => {
  const dir = mkdtempSync(join(tmpdir(), "dhow-seccomp-"));
  try {
    const path = join(dir, "profile.json");
    writeFileSync(path, '{ "value": 18446744073709551615,\n "other": 9007199254740993 }\n');
    const { options } = await securityOptions([`seccomp=${path}`]);
    expect(options).toEqual(['seccomp={"value":18446744073709551615,"other":9007199254740993}']);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
