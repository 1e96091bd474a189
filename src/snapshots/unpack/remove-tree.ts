/** Removing trees by directory descriptors, so that no link in them is ever followed. */
import { conflict } from "../../lib/errors.ts";
import { DT_DIR, readDirectory } from "../../linux/directory.ts";
import { AT_REMOVEDIR, close, O_DIRECTORY, O_NOFOLLOW, renameAt, tryOpenAt, unlinkAt } from "../../linux/file.ts";
import { type Name, show } from "../../linux/file-name.ts";
import { RESOLVE_NO_XDEV, tryOpenAt2 } from "../../linux/openat2.ts";
import { lstatAt, S_IFDIR, S_IFMT, tryLstatAt } from "../../linux/stat.ts";
import { isErrno, SyscallError } from "../../linux/syscall-error.ts";

const ENOENT = 2;
const EXDEV = 18;

/** Below this depth a subtree is moved up before it goes on, so that descriptors and stack stay bounded. */
const maxDepth = 128;

/**
 * Removes `name` in the directory `dir` with everything below it; absent is fine. No mount is entered, also not one of
 * the same file system: throws `conflict` at a directory that is a mount point, be it `name` itself.
 */
export function removeTree(dir: number, name: Name): void {
  try {
    unlinkAt(dir, name);
    return;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    if (!isErrno(error, "EISDIR", "EPERM")) throw error;
  }
  const moved = { count: 0 };
  removeDirectory(dir, name, dir, 0, moved);
  for (let i = 0; i < moved.count; i++) removeDirectory(dir, movedName(i), dir, 0, moved);
}

const movedName = (index: number): string => `.dhow-removing-${process.pid}-${index}`;

function removeDirectory(dir: number, name: Name, top: number, depth: number, moved: { count: number }): void {
  if (depth > maxDepth) {
    renameAt(dir, name, top, movedName(moved.count));
    moved.count++;
    return;
  }
  const fd = tryOpenAt2(dir, name, O_DIRECTORY | O_NOFOLLOW, RESOLVE_NO_XDEV);
  if (fd === -ENOENT) return;
  if (fd === -EXDEV) throw conflict("cannot remove a directory that something is mounted on");
  if (fd < 0) throw new SyscallError("openat2", -fd, show(name));
  try {
    for (const entry of readDirectory(fd)) {
      const isDirectory =
        entry.type === DT_DIR || (entry.type === 0 && (lstatAt(fd, entry.name).mode & S_IFMT) === S_IFDIR);
      if (isDirectory) removeDirectory(fd, entry.name, top, depth + 1, moved);
      else unlinkAt(fd, entry.name);
    }
  } finally {
    close(fd);
  }
  unlinkAt(dir, name, AT_REMOVEDIR);
}

/** What a removal may still cost; below zero it is not small any more. */
interface Allowance {
  entries: number;
  bytes: number;
}

/** True when there are no more entries below `name` and no more bytes in them than that: their removal takes no time. */
export function isSmallTree(dir: number, name: Name, limit: Readonly<Allowance>): boolean {
  const left = { ...limit };
  weigh(dir, name, left);
  return left.entries >= 0 && left.bytes >= 0;
}

function weigh(dir: number, name: Name, left: Allowance): void {
  const stat = tryLstatAt(dir, name);
  if (!stat) return;
  if ((stat.mode & S_IFMT) !== S_IFDIR) {
    left.bytes -= stat.blocks * 512;
    return;
  }
  const fd = tryOpenAt(dir, name, O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return;
  try {
    const entries = readDirectory(fd);
    left.entries -= entries.length;
    for (const entry of entries) {
      if (left.entries < 0 || left.bytes < 0) return;
      weigh(fd, entry.name, left);
    }
  } finally {
    close(fd);
  }
}
