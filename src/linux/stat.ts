/** statx(2): what the kernel knows of a file, with times in nanoseconds; never follows a link in the last component. */
import { checkAt, type Name, show, stage } from "./file-name.ts";
import { check, FFIType, lastErrno, openLibc, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;

const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;

const { i32, u32, ptr: pointer } = FFIType;
const libc = openLibc({
  statx: { args: [i32, pointer, i32, u32, pointer], returns: i32 },
});

/** A point in time: whole seconds since 1970 (negative before) and nanoseconds on top. */
export interface FileTime {
  readonly sec: number;
  readonly nsec: number;
}

/** What statx(2) tells; `mode` carries the type bits, `ino` is exact below 2^53. */
export interface FileStat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly size: number;
  readonly blocks: number;
  readonly ino: number;
  readonly dev: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  readonly mtime: FileTime;
  readonly atime: FileTime;
  readonly ctime: FileTime;
  /** True for the root of a mount, where the kernel tells (5.8). */
  readonly mountRoot: boolean;
}

const statBuffer = Buffer.from(new ArrayBuffer(256));
const statPointer = ptr(statBuffer);
const basicStats = 0x7ff;

const wide = (at: number): number => statBuffer.readUInt32LE(at + 4) * 0x1_0000_0000 + statBuffer.readUInt32LE(at);
const time = (at: number): FileTime => ({
  sec: statBuffer.readInt32LE(at + 4) * 0x1_0000_0000 + statBuffer.readUInt32LE(at),
  nsec: statBuffer.readUInt32LE(at + 8),
});

function parseStat(): FileStat {
  return {
    nlink: statBuffer.readUInt32LE(16),
    uid: statBuffer.readUInt32LE(20),
    gid: statBuffer.readUInt32LE(24),
    mode: statBuffer.readUInt16LE(28),
    ino: wide(32),
    size: wide(40),
    blocks: wide(48),
    atime: time(64),
    ctime: time(96),
    mtime: time(112),
    rdevMajor: statBuffer.readUInt32LE(128),
    rdevMinor: statBuffer.readUInt32LE(132),
    dev: statBuffer.readUInt32LE(136) * 0x10_0000 + statBuffer.readUInt32LE(140),
    mountRoot: (statBuffer.readUInt32LE(8) & 0x2000) !== 0,
  };
}

/** lstat relative to a directory. */
export function lstatAt(dir: number, name: Name): FileStat {
  checkAt(libc.statx(dir, stage(name), AT_SYMLINK_NOFOLLOW, basicStats, statPointer), "lstat", name);
  return parseStat();
}

/** As {@link lstatAt}, with `null` for a name that does not exist. */
export function tryLstatAt(dir: number, name: Name): FileStat | null {
  if (libc.statx(dir, stage(name), AT_SYMLINK_NOFOLLOW, basicStats, statPointer) === 0) return parseStat();
  const errno = lastErrno();
  if (errno === 2 || errno === 20) return null; // ENOENT, ENOTDIR
  throw new SyscallError("lstat", errno, show(name));
}

export function fstat(fd: number): FileStat {
  check(libc.statx(fd, stage(""), AT_EMPTY_PATH, basicStats, statPointer), "fstat");
  return parseStat();
}
