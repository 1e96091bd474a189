import { expect, test } from "bun:test";
import { goMode } from "../../api/buildkit/files.ts";
import { FileList, type FileStat, isSameFile, kindOfFile } from "./file-list.ts";

const stat = (path: string, change: Partial<FileStat> = {}): FileStat => ({
  ...{ path, mode: 0o644, uid: 0, gid: 0, size: 0, modTime: 1n, linkname: "", devmajor: 0, devminor: 0 },
  xattrs: new Map(),
  ...change,
});
const directory = (path: string): FileStat => stat(path, { mode: (goMode.directory | 0o755) >>> 0 });
const link = (path: string, linkname: string): FileStat =>
  stat(path, { mode: (goMode.symlink | 0o777) >>> 0, linkname });

const listOf = (...stats: FileStat[]): FileList => {
  const list = new FileList();
  for (const each of stats) list.add(each);
  return list;
};

test("FileList takes a walk in its order: a directory before what is in it, and before names that go on otherwise", () => {
  const list = listOf(
    stat("a"),
    directory("d"),
    stat("d/x"),
    stat("d-"),
    stat("d.txt"),
    stat("e", { linkname: "a" }),
    link("l", "/etc"),
  );
  expect([...list.files.keys()]).toEqual(["a", "d", "d/x", "d-", "d.txt", "e", "l"]);
  expect([...list.files.values()].map(kindOfFile)).toEqual([
    "file",
    "directory",
    "file",
    "file",
    "file",
    "hardLink",
    "link",
  ]);
});

test.each<[string, FileStat[], string]>([
  ["an absolute path", [stat("/a")], "is not relative"],
  ["no path", [stat("")], "is not relative"],
  ["a way up", [stat("../a")], "is not clean"],
  ["a way up inside", [directory("d"), stat("d/../a")], "is not clean"],
  ["a dot", [stat("./a")], "is not clean"],
  ["two slashes", [directory("d"), stat("d//a")], "is not clean"],
  ["a slash at the end", [directory("d/")], "is not clean"],
  ["a null byte", [stat("a\0b")], "null byte"],
  ["a path that no kernel takes", [stat("x".repeat(4096))], "too long"],
  ["a file twice", [stat("a"), stat("a")], "out of order"],
  ["a file before an earlier one", [stat("b"), stat("a")], "out of order"],
  ["a file in no directory", [stat("d/a")], "its directory has not come"],
  ["a file below a file", [stat("d"), stat("d/a")], "d is not a directory"],
  ["a file below a link", [link("d", "/etc"), stat("d/passwd")], "d is not a directory"],
  ["a link to nothing", [link("l", "")], "links to nothing"],
  ["a hard link to what has not come", [stat("a", { linkname: "b" })], "links to no file"],
  ["a hard link to a directory", [directory("d"), stat("e", { linkname: "d" })], "links to no file"],
  ["a hard link to a link", [link("a", "/etc/passwd"), stat("b", { linkname: "a" })], "links to no file"],
  ["a socket", [stat("s", { mode: goMode.socket })], "cannot be sent"],
])("FileList refuses %s", (_, stats, why) => {
  expect(() => listOf(...stats)).toThrow(why);
});

test("isSameFile() goes by all that a list tells, but for the size of a directory", () => {
  const one = stat("a", { xattrs: new Map([["user.a", new Uint8Array([1])]]) });
  expect(isSameFile(one, { ...one, xattrs: new Map([["user.a", new Uint8Array([1])]]) })).toBe(true);
  for (const change of [
    { mode: 0o600 },
    { uid: 1 },
    { gid: 1 },
    { size: 1 },
    { modTime: 2n },
    { linkname: "b" },
    { devmajor: 1 },
    { devminor: 1 },
    { xattrs: new Map() },
    { xattrs: new Map([["user.a", new Uint8Array([2])]]) },
    { xattrs: new Map([["user.b", new Uint8Array([1])]]) },
  ] satisfies Partial<FileStat>[]) {
    expect([change, isSameFile(one, { ...one, ...change })]).toEqual([change, false]);
  }
  expect(isSameFile(directory("d"), { ...directory("d"), size: 4096 })).toBe(true);
});
