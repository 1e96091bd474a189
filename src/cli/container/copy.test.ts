import { expect, test } from "bun:test";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packCommand } from "./copy.ts";

test("packCommand() renames the top with its hard links, and no symbolic link", () => {
  const dir = mkdtempSync(join(tmpdir(), "dhow-pack-"));
  try {
    mkdirSync(join(dir, "a.b"));
    writeFileSync(join(dir, "a.b", "one"), "x");
    linkSync(join(dir, "a.b", "one"), join(dir, "a.b", "two"));
    symlinkSync("./a.b/one", join(dir, "a.b", "link"));
    const packed = Bun.spawnSync(packCommand(join(dir, "a.b"), "new,&"));
    expect(packed.exitCode).toBe(0);
    const listed = Bun.spawnSync(["tar", "-tvf", "-"], { stdin: packed.stdout }).stdout.toString();
    const names = listed
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^(\S+\s+){5}/, ""));
    expect(names.filter((name) => !name.startsWith("./new,&/"))).toEqual([]);
    expect(names.filter((name) => name.includes(" link to "))).toEqual([
      expect.stringMatching(/^\.\/new,&\/(one link to \.\/new,&\/two|two link to \.\/new,&\/one)$/),
    ]);
    expect(listed).toContain("link -> ./a.b/one");
  } finally {
    rmSync(dir, { recursive: true });
  }
});
