/**
 * Files by directory descriptor: the `*at` family, with names as bytes and times in nanoseconds, which Node's `fs` does
 * not have. Everything here is synchronous and never follows a link in the last component.
 */
import { constants } from "node:fs";
import { checkAt, type Name, pathMax, show, stage } from "./file-name.ts";
import { check, FFIType, lastErrno, openLibc, ptr } from "./libc.ts";
import type { FileTime } from "./stat.ts";
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
/** For {@link renameAt}: both names stay and change what they mean, in one step. */
export const RENAME_EXCHANGE = 2;
const AT_EMPTY_PATH = 0x1000;

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
  ftruncate: { args: [i32, i64_fast], returns: i32 },
  fsync: { args: [i32], returns: i32 },
  syncfs: { args: [i32], returns: i32 },
  sync_file_range: { args: [i32, i64_fast, i64_fast, u32], returns: i32 },
  umask: { args: [u32], returns: u32 },
});

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
