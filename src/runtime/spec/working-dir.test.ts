import { afterAll, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureWorkingDir, resolveWorkingDir } from "./working-dir.ts";

const base = mkdtempSync(join(tmpdir(), "dhow-cwd-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
let root = "";
let count = 0;
beforeEach(() => {
  root = join(base, String(count++));
  mkdirSync(join(root, "srv"), { recursive: true });
  mkdirSync(join(root, "proc"));
});

test.each([
  ["/proc/self/fd/7"],
  ["/proc/1/fd/8"],
  ["/proc/self"],
  ["/dev/fd/9"],
  ["/proc/thread-self/cwd"],
  ["/srv/../proc/self/fd/3"],
])("resolveWorkingDir() refuses %s", (cwd) => {
  expect(() => resolveWorkingDir(root, cwd)).toThrow("leads into a process's own directory");
});

test("resolveWorkingDir() refuses a link to a process's directory, in one hop or two", () => {
  symlinkSync("/proc/self/fd/7", join(root, "one"));
  symlinkSync("../../one", join(root, "srv/two"));
  symlinkSync("/proc", join(root, "p"));
  for (const cwd of ["/one", "/srv/two", "/p/self/fd/7"]) expect(() => ensureWorkingDir(root, cwd)).toThrow("invalid");
});

test("ensureWorkingDir() makes a missing directory inside the root, through absolute links too", () => {
  const outside = join(base, "outside");
  symlinkSync(outside, join(root, "out"));
  ensureWorkingDir(root, "/out/a/b");
  expect(existsSync(outside)).toBe(false);
  expect(existsSync(join(root, outside, "a/b"))).toBe(true);
  ensureWorkingDir(root, "x/../../../y");
  expect(existsSync(join(root, "y"))).toBe(true);
});

test("ensureWorkingDir() says when a file is in the way, and stops at a loop", () => {
  writeFileSync(join(root, "file"), "");
  expect(() => ensureWorkingDir(root, "/file")).toThrow("Cannot mkdir: /file is not a directory");
  symlinkSync("/loop", join(root, "loop"));
  expect(() => ensureWorkingDir(root, "/loop")).toThrow("too many links");
});
