import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDevice } from "./device.ts";
import { readDirectory } from "./directory.ts";
import * as file from "./file.ts";
import { tryLock } from "./flock.ts";
import { openAt2, RESOLVE_IN_ROOT, tryOpenAt2 } from "./openat2.ts";
import { lstatAt, S_IFCHR, S_IFREG } from "./stat.ts";
import { statfs } from "./statfs.ts";
import { fsetxattr, getxattr, listxattr } from "./xattr.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-linux-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const root = file.openAt(file.AT_FDCWD, dir, file.O_DIRECTORY);

test("lstatAt() tells owner, mode, nanoseconds before 1970 and device numbers", () => {
  const fd = file.openAt(root, "plain", file.O_CREAT | file.O_WRONLY, 0o600);
  file.writeFd(fd, Buffer.from("hello"));
  file.fchown(fd, 12345, 54321);
  file.fchmod(fd, 0o4755);
  file.futimens(fd, { sec: 5, nsec: 1 }, { sec: -100, nsec: 123456789 });
  file.close(fd);
  const stat = lstatAt(root, "plain");
  expect(stat).toMatchObject({ uid: 12345, gid: 54321, size: 5, mtime: { sec: -100, nsec: 123456789 } });
  expect(stat.mode).toBe(S_IFREG | 0o4755);
  expect(stat.ino).toBe(statSync(join(dir, "plain")).ino);
  file.mknodAt(root, "null", S_IFCHR | 0o600, makeDevice(1, 3));
  expect(lstatAt(root, "null")).toMatchObject({ rdevMajor: 1, rdevMinor: 3 });
});

test("readDirectory() gives the bytes of a name that is not UTF-8", () => {
  const name = Buffer.from([0x61, 0xff, 0xfe]);
  file.mkdirAt(root, "names", 0o755);
  const names = file.openAt(root, "names", file.O_DIRECTORY);
  file.close(file.openAt(names, name, file.O_CREAT | file.O_WRONLY, 0o644));
  expect(readDirectory(names)).toEqual([{ name, type: 8 }]);
  file.close(names);
});

test("openAt2() with RESOLVE_IN_ROOT takes absolute links relative to the root", () => {
  mkdirSync(join(dir, "etc"));
  writeFileSync(join(dir, "etc/passwd"), "inside");
  symlinkSync("/etc/passwd", join(dir, "link"));
  symlinkSync("../../../../../../etc/shadow", join(dir, "out"));
  const fd = openAt2(root, "link", file.O_RDONLY, RESOLVE_IN_ROOT);
  const buffer = Buffer.alloc(16);
  expect(buffer.toString("utf8", 0, file.readFd(fd, buffer))).toBe("inside");
  file.close(fd);
  expect(tryOpenAt2(root, "out", file.O_RDONLY, RESOLVE_IN_ROOT)).toBe(-2);
});

test("a name with a NUL byte or longer than a path may be never reaches the kernel", () => {
  expect(() => file.mkdirAt(root, "a\0b", 0o755)).toThrow(TypeError);
  expect(() => file.mkdirAt(root, "x".repeat(5000), 0o755)).toThrow("ENAMETOOLONG");
  expect(() => tryOpenAt2(root, Buffer.from("a\0b"), 0, RESOLVE_IN_ROOT)).toThrow(TypeError);
});

test("fsetxattr() and getxattr() keep bytes, and an absent attribute is null", () => {
  const fd = file.openAt(root, "attributed", file.O_CREAT | file.O_RDWR, 0o644);
  const value = Buffer.from([1, 0, 255]);
  fsetxattr(fd, "trusted.dhow", value);
  expect(listxattr(fd)).toContain("trusted.dhow");
  expect(getxattr(fd, "trusted.dhow")).toEqual(value);
  expect(getxattr(fd, "trusted.other")).toBeNull();
  file.close(fd);
});

test("tryLock() gives one lock at a time", () => {
  const path = join(dir, "lock");
  const first = tryLock(path);
  expect(first).not.toBeNull();
  expect(tryLock(path)).toBeNull();
  first?.[Symbol.dispose]();
  const second = tryLock(path);
  expect(second).not.toBeNull();
  second?.[Symbol.dispose]();
});

test("statfs() tells what is free", () => {
  const stat = statfs(dir);
  expect(stat.freeBytes).toBeGreaterThan(0);
  expect(stat.totalBytes).toBeGreaterThanOrEqual(stat.freeBytes);
});
