/** How one file of an unpacked layer differs from what its archive says of it. */
import type { TarEntry } from "../../lib/tar/entry.ts";
import { readlinkAt } from "../../linux/file.ts";
import {
  type FileStat,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from "../../linux/stat.ts";
import { getxattr } from "../../linux/xattr.ts";
import { marksDeletion } from "../unpack/tree-root.ts";
import { isOpaque } from "../unpack/whiteout.ts";
import type { ExpectedFile } from "./expected-tree.ts";

const typeNames: ReadonlyMap<number, string> = new Map([
  [S_IFREG, "file"],
  [S_IFDIR, "directory"],
  [S_IFLNK, "symlink"],
  [S_IFCHR, "char"],
  [S_IFBLK, "block"],
  [S_IFIFO, "fifo"],
  [S_IFSOCK, "socket"],
]);

/** What a file is, in the words of {@link ExpectedFile}. */
export function typeOf(stat: FileStat): string {
  return marksDeletion(stat) ? "whiteout" : (typeNames.get(stat.mode & S_IFMT) ?? "something unknown");
}

/** Times that every file system keeps: those outside are cut by some (ext4 with small inodes, XFS without bigtime). */
const latestTime = 2 ** 31;

/** Capabilities decide what a program may do; they are never left out where one differs. */
const capability = "security.capability";

/** All that differs; `fd` (O_PATH) is the file, which `stat` tells of. */
export function differences(fd: number, stat: FileStat, expected: ExpectedFile): string[] {
  const type = typeOf(stat);
  if (type !== expected.type) return [`it is a ${type} instead of a ${expected.type}`];
  const found: string[] = [];
  if (expected.content !== null) found.push(expected.content);
  if (type === "directory" && isOpaque(fd) !== expected.opaque) {
    found.push(expected.opaque ? "it no longer hides what is below it" : "it hides what is below it");
  }
  if (expected.entry) found.push(...attributes(fd, stat, expected.entry, expected));
  return found;
}

function attributes(
  fd: number,
  stat: FileStat,
  entry: Omit<TarEntry, "path" | "linkPath">,
  { type, target }: ExpectedFile,
): string[] {
  const found: string[] = [];
  const note = (what: string, is: string | number, should: string | number): void => {
    if (is !== should) found.push(`its ${what} is ${is} instead of ${should}`);
  };
  const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, "0");
  if (type !== "symlink") note("mode", octal(stat.mode), octal(entry.mode));
  note("owner", `${stat.uid}:${stat.gid}`, `${entry.uid}:${entry.gid}`);
  if (type === "file") note("size", stat.size, entry.size);
  if (type === "symlink" && !readlinkAt(fd, "").equals(target)) found.push("it leads elsewhere");
  if (type === "char" || type === "block") {
    note("device", `${stat.rdevMajor}:${stat.rdevMinor}`, `${entry.devMajor}:${entry.devMinor}`);
  }
  const { sec } = entry.mtime;
  if (sec >= 0 && sec < latestTime && stat.mtime.sec !== sec) found.push("its modification time differs");
  if (type === "file") {
    const is = getxattr(fd, capability);
    const should = entry.xattrs?.get(capability) ?? null;
    if (is === null ? should !== null : should === null || !is.equals(should)) found.push("its capabilities differ");
  }
  return found;
}
