/**
 * Files by directory descriptor: the `*at` family, with names as bytes and times in nanoseconds, which Node's `fs` does
 * not have. Everything here is synchronous and never follows a link in the last component.
 */
import { constants } from "node:fs";
import { check, FFIType, lastErrno, openLibc, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

export const AT_FDCWD = -100;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_NONBLOCK = 0o4000;
// These two differ between architectures.
export const O_DIRECTORY: number = constants.O_DIRECTORY;
export const O_NOFOLLOW: number = constants.O_NOFOLLOW;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;

export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;

const { i32, u32, u64, i64_fast, ptr: pointer } = FFIType;
const libc = openLibc({
  openat: { args: [i32, pointer, i32, u32], returns: i32 },
  close: { args: [i32], returns: i32 },
  read: { args: [i32, pointer, u64], returns: i64_fast },
  write: { args: [i32, pointer, u64], returns: i64_fast },
  lseek: { args: [i32, i64_fast, i32], returns: i64_fast },
  mkdirat: { args: [i32, pointer, u32], returns: i32 },
  unlinkat: { args: [i32, pointer, i32], returns: i32 },
  symlinkat: { args: [pointer, i32, pointer], returns: i32 },
  linkat: { args: [i32, pointer, i32, pointer, i32], returns: i32 },
  mknodat: { args: [i32, pointer, u32, u64], returns: i32 },
  renameat2: { args: [i32, pointer, i32, pointer, u32], returns: i32 },
  readlinkat: { args: [i32, pointer, pointer, u64], returns: i64_fast },
  fchmod: { args: [i32, u32], returns: i32 },
  fchmodat: { args: [i32, pointer, u32, i32], returns: i32 },
  fchown: { args: [i32, u32, u32], returns: i32 },
  fchownat: { args: [i32, pointer, u32, u32, i32], returns: i32 },
  futimens: { args: [i32, pointer], returns: i32 },
  utimensat: { args: [i32, pointer, pointer, i32], returns: i32 },
  statx: { args: [i32, pointer, i32, u32, pointer], returns: i32 },
  getdents64: { args: [i32, pointer, u64], returns: i64_fast },
  ftruncate: { args: [i32, i64_fast], returns: i32 },
  fsync: { args: [i32], returns: i32 },
  syncfs: { args: [i32], returns: i32 },
  sync_file_range: { args: [i32, i64_fast, i64_fast, u32], returns: i32 },
  umask: { args: [u32], returns: u32 },
});

/** A name or path for a call: text, or the bytes themselves where they may not be UTF-8. */
export type Name = string | Uint8Array;

const pathMax = 4096;

/** Two staging buffers whose addresses never change: cheaper than a buffer and an address lookup for each call. */
const stages = [Buffer.alloc(pathMax + 8), Buffer.alloc(pathMax + 8)] as const;
const stagePointers = [ptr(stages[0]), ptr(stages[1])] as const;

/** Puts `name`, NUL-terminated, where the next call can read it; throws TypeError on a NUL and ENAMETOOLONG as the kernel would. */
function stage(name: Name, slot: 0 | 1 = 0): (typeof stagePointers)[0] {
  const buffer = stages[slot];
  let length: number;
  if (typeof name === "string") {
    length = buffer.write(name, 0, pathMax, "utf8");
    if (length >= pathMax - 4) throw new SyscallError("path", 36, `${name.slice(0, 64)}...`);
  } else {
    length = name.length;
    if (length >= pathMax) throw new SyscallError("path", 36, `${show(name.subarray(0, 64))}...`);
    buffer.set(name);
  }
  buffer[length] = 0;
  if (buffer.indexOf(0) !== length) throw new TypeError("file name holds a NUL byte");
  return stagePointers[slot];
}

/** A name for an error message. */
export function show(name: Name): string {
  return typeof name === "string" ? name : Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString("utf8");
}

function checkAt(result: number, syscall: string, name: Name): number {
  if (result === -1) throw new SyscallError(syscall, lastErrno(), show(name));
  return result;
}

/** openat(2), always close-on-exec. */
export function openAt(dir: number, name: Name, flags: number, mode = 0): number {
  return checkAt(libc.openat(dir, stage(name), flags | O_CLOEXEC, mode), "open", name);
}

/** As {@link openAt}, answering -errno instead of throwing: for hot paths where failure is expected. */
export function tryOpenAt(dir: number, name: Name, flags: number, mode = 0): number {
  const fd = libc.openat(dir, stage(name), flags | O_CLOEXEC, mode);
  return fd === -1 ? -lastErrno() : fd;
}

export function close(fd: number): void {
  libc.close(fd);
}

/** Reads up to `length` bytes to `buffer` at `offset`; 0 at the end. */
export function readFd(fd: number, buffer: Uint8Array, offset = 0, length = buffer.length - offset): number {
  return check(Number(libc.read(fd, ptr(buffer, offset), length)), "read");
}

/** Writes all of `bytes`, however many calls that takes. */
export function writeFd(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) {
    const written = Number(libc.write(fd, ptr(bytes, done), bytes.length - done));
    if (written === -1) {
      const errno = lastErrno();
      if (errno === 4) continue; // EINTR
      if (errno === 11) {
        Bun.sleepSync(1); // EAGAIN: a pipe that somebody else made non-blocking
        continue;
      }
      throw new SyscallError("write", errno);
    }
    done += written;
  }
}

/** Moves the file offset relative to where it is: a hole when bytes are written afterwards. */
export function skipFd(fd: number, bytes: number): void {
  check(Number(libc.lseek(fd, bytes, 1)), "lseek");
}

export function mkdirAt(dir: number, name: Name, mode: number): void {
  checkAt(libc.mkdirat(dir, stage(name), mode), "mkdir", name);
}

/** As {@link mkdirAt}, answering false when something of that name exists. */
export function tryMkdirAt(dir: number, name: Name, mode: number): boolean {
  if (libc.mkdirat(dir, stage(name), mode) === 0) return true;
  const errno = lastErrno();
  if (errno === 17) return false; // EEXIST
  throw new SyscallError("mkdir", errno, show(name));
}

/** unlinkat(2); `AT_REMOVEDIR` in `flags` for an empty directory. */
export function unlinkAt(dir: number, name: Name, flags = 0): void {
  checkAt(libc.unlinkat(dir, stage(name), flags), "unlink", name);
}

export function symlinkAt(target: Name, dir: number, name: Name): void {
  checkAt(libc.symlinkat(stage(target, 1), dir, stage(name)), "symlink", name);
}

/** A hard link to the very file an O_PATH descriptor names (needs CAP_DAC_READ_SEARCH). */
export function linkPathFd(fd: number, toDir: number, to: Name): void {
  checkAt(libc.linkat(fd, stage("", 1), toDir, stage(to), AT_EMPTY_PATH), "link", to);
}

/** mknodat(2): device nodes, FIFOs (`mode` carries the type). */
export function mknodAt(dir: number, name: Name, mode: number, device: number | bigint): void {
  checkAt(libc.mknodat(dir, stage(name), mode, BigInt(device)), "mknod", name);
}

export function renameAt(fromDir: number, from: Name, toDir: number, to: Name, flags = 0): void {
  checkAt(libc.renameat2(fromDir, stage(from, 1), toDir, stage(to), flags), "rename", to);
}

const linkBuffer = Buffer.alloc(pathMax);

/** The bytes of a symbolic link's target. */
export function readlinkAt(dir: number, name: Name): Buffer {
  const length = Number(libc.readlinkat(dir, stage(name), ptr(linkBuffer), pathMax));
  checkAt(length, "readlink", name);
  return Buffer.from(linkBuffer.subarray(0, length));
}

export function fchmod(fd: number, mode: number): void {
  check(libc.fchmod(fd, mode), "fchmod");
}

/** chmod of the very file an O_PATH descriptor names, which must not be a symbolic link (Linux has no lchmod). */
export function chmodPathFd(fd: number, mode: number): void {
  checkAt(libc.fchmodat(AT_FDCWD, stage(`/proc/self/fd/${fd}`), mode, 0), "chmod", "");
}

export function fchown(fd: number, uid: number, gid: number): void {
  check(libc.fchown(fd, uid, gid), "fchown");
}

/** chown of the very file an O_PATH descriptor names, a symbolic link included. */
export function chownPathFd(fd: number, uid: number, gid: number): void {
  checkAt(libc.fchownat(fd, stage(""), uid, gid, AT_EMPTY_PATH), "chown", "");
}

/** A point in time: whole seconds since 1970 (negative before) and nanoseconds on top. */
export interface FileTime {
  readonly sec: number;
  readonly nsec: number;
}

const times = new Int32Array(new ArrayBuffer(32));
const timesPointer = ptr(times);

function stageTimes(atime: FileTime, mtime: FileTime): typeof timesPointer {
  for (const [at, time] of [
    [0, atime],
    [4, mtime],
  ] as const) {
    times[at] = time.sec | 0;
    times[at + 1] = Math.floor(time.sec / 0x1_0000_0000);
    times[at + 2] = time.nsec;
    times[at + 3] = 0;
  }
  return timesPointer;
}

export function futimens(fd: number, atime: FileTime, mtime: FileTime): void {
  check(libc.futimens(fd, stageTimes(atime, mtime)), "futimens");
}

/** Times of the very file an O_PATH descriptor names, a symbolic link included. */
export function utimesPathFd(fd: number, atime: FileTime, mtime: FileTime): void {
  checkAt(libc.utimensat(fd, stage(""), stageTimes(atime, mtime), AT_EMPTY_PATH), "utimensat", "");
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

/** A directory entry: its name's bytes and `d_type` (0 when the file system does not say). */
export interface DirEntry {
  readonly name: Buffer;
  readonly type: number;
}

export const DT_DIR = 4;

/**
 * All entries of an open directory but `.` and `..`, in the file system's order. The descriptor must be readable. A
 * directory that was removed since it was opened has none.
 */
export function readDirectory(fd: number): DirEntry[] {
  const buffer = Buffer.allocUnsafeSlow(64 * 1024);
  const entries: DirEntry[] = [];
  libc.lseek(fd, 0, 0); // from the start, also when it was read before
  for (;;) {
    const length = Number(libc.getdents64(fd, ptr(buffer), buffer.length));
    if (length === 0 || (length === -1 && lastErrno() === 2)) return entries; // ENOENT
    check(length, "getdents64");
    for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
      const start = at + 19;
      const name = buffer.subarray(start, buffer.indexOf(0, start));
      if (name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e))) continue;
      entries.push({ name: Buffer.from(name), type: buffer[at + 18] ?? 0 });
    }
  }
}

export function ftruncate(fd: number, size: number): void {
  check(libc.ftruncate(fd, size), "ftruncate");
}

export function fsync(fd: number): void {
  check(libc.fsync(fd), "fsync");
}

const SYNC_FILE_RANGE_WRITE = 2;

/** Asks the disk to begin with a part of a file, without waiting; where that is not to be had nothing happens. */
export function startWriteback(fd: number, offset: number, length: number): void {
  libc.sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
}

/** Writes back everything of the file system that `fd` is on. */
export function syncfs(fd: number): void {
  check(libc.syncfs(fd), "syncfs");
}

/** Sets the whole process's umask and returns the old one: only for helpers. */
export function umask(mask: number): number {
  return libc.umask(mask);
}
