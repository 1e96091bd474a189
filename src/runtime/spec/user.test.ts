import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDevice } from "../../linux/device.ts";
import { AT_FDCWD, mknodAt } from "../../linux/file.ts";
import { S_IFCHR, S_IFIFO } from "../../linux/stat.ts";
import { resolveUser } from "./user.ts";

const base = mkdtempSync(join(tmpdir(), "dhow-user-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const passwd = `root:x:0:0:root:/root:/bin/sh
app:x:1000:1001::/home/app:/bin/sh
1234:x:0:0::/root:/bin/sh
big:x:4294967296:0::/:/bin/sh
minus:x:-1:0::/:/bin/sh
empty:x:::::
`;
const group = `root:x:0:
wheel:x:10:root,app
apps:x:1001:
video:x:44:app
broken:x:99999999999:app
`;

let root = "";
let count = 0;
beforeEach(() => {
  root = join(base, String(count++));
  mkdirSync(join(root, "etc"), { recursive: true });
  writeFileSync(join(root, "etc/passwd"), passwd);
  writeFileSync(join(root, "etc/group"), group);
});

test.each([
  ["", [], { uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" }],
  ["app", [], { uid: 1000, gid: 1001, additionalGids: [1001, 10, 44], home: "/home/app" }],
  ["1000", [], { uid: 1000, gid: 1001, additionalGids: [1001, 10, 44], home: "/home/app" }],
  ["app:video", ["wheel", "77"], { uid: 1000, gid: 44, additionalGids: [44, 10, 77], home: "/home/app" }],
  ["4000", [], { uid: 4000, gid: 0, additionalGids: [0], home: "/" }],
  ["4000:5000", [], { uid: 4000, gid: 5000, additionalGids: [5000], home: "/" }],
  ["2147483647", [], { uid: 2147483647, gid: 0, additionalGids: [0], home: "/" }],
])("resolveUser() of %p with groups %p", (user, groups, expected) => {
  expect(resolveUser(root, user, groups)).toEqual(expected);
});

test("resolveUser() takes digits for a number though passwd has them as a name of root", () => {
  expect(resolveUser(root, "1234", []).uid).toBe(1234);
});

test.each([
  ["1000:4294967296"],
  ["2147483648"],
  ["-1"],
  ["0x0"],
  ["+0"],
  ["1e3"],
  ["9".repeat(100)],
  ["big"],
  ["minus"],
  ["empty"],
  ["nobody"],
  ["app:nogroup"],
  ["app:broken"],
  [" 0"],
  ["0 "],
])("resolveUser() refuses %p and never falls back to root", (user) => {
  expect(() => resolveUser(root, user, [])).toThrow(/unable to find|must be in range/);
});

test("resolveUser() of an image without passwd knows numbers only", () => {
  rmSync(join(root, "etc"), { recursive: true });
  expect(resolveUser(root, "7:8", [])).toEqual({ uid: 7, gid: 8, additionalGids: [8], home: "/" });
  expect(() => resolveUser(root, "app", [])).toThrow("unable to find user app: no matching entries in passwd file");
});

test("resolveUser() reads a linked passwd inside the root, never the host's", () => {
  rmSync(join(root, "etc/passwd"));
  symlinkSync("/etc/passwd", join(root, "etc/passwd")); // a loop inside the root
  expect(() => resolveUser(root, "daemon", [])).toThrow("unable to find user daemon");
  rmSync(join(root, "etc/passwd"));
  symlinkSync("../../../../../../../../etc/shadow-of-host", join(root, "etc/passwd"));
  expect(() => resolveUser(root, "daemon", [])).toThrow("unable to find user daemon");
});

test("resolveUser() refuses a passwd of 2 GiB, a FIFO and a device, at once", () => {
  const path = join(root, "etc/passwd");
  truncateSync(path, 2 ** 31);
  expect(() => resolveUser(root, "app", [])).toThrow("larger than");
  rmSync(path);
  mknodAt(AT_FDCWD, path, S_IFIFO | 0o600, 0);
  expect(() => resolveUser(root, "app", [])).toThrow("not a regular file");
  rmSync(path);
  mknodAt(AT_FDCWD, path, S_IFCHR | 0o600, makeDevice(1, 5));
  expect(() => resolveUser(root, "app", [])).toThrow("not a regular file");
});
