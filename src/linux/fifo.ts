/** FIFOs: mkfifo(3), and what pipe(7) and fcntl(2) tell of them. */
import { chmodSync, chownSync, closeSync, constants, openSync } from "node:fs";
import { check, cstring, FFIType, fixedBuffer, openLibc, ptr } from "./libc.ts";

const { i32, u32, i64_fast, ptr: pointer } = FFIType;
const libc = openLibc({
  mkfifo: { args: [pointer, u32], returns: i32 },
  ioctl: { args: [i32, i64_fast, pointer], returns: i32 },
  fcntl: { args: [i32, i32, i64_fast], returns: i32 },
});

const FIONREAD = 0x541b;
const F_GETFL = 3;
const F_SETFL = 4;

/** Makes a FIFO of mode 0600 that belongs to `uid:gid`. */
export function makeFifo(path: string, uid: number, gid: number): void {
  check(libc.mkfifo(ptr(cstring(path)), 0o600), "mkfifo", path);
  chmodSync(path, 0o600);
  if (uid !== 0 || gid !== 0) chownSync(path, uid, gid);
}

/** Bytes that wait in a pipe, FIFO or terminal. */
export function bytesWaiting(fd: number): number {
  const count = fixedBuffer(4);
  check(libc.ioctl(fd, FIONREAD, ptr(count)), "ioctl FIONREAD");
  return count.readInt32LE(0);
}

/** Sets O_NONBLOCK of the open file that `fd` names, for whoever shares it. */
export function setNonblocking(fd: number): void {
  const flags = check(libc.fcntl(fd, F_GETFL, 0), "fcntl");
  check(libc.fcntl(fd, F_SETFL, flags | constants.O_NONBLOCK), "fcntl");
}

/** The two ends of one FIFO: ours does not block, the process's does. */
export interface FifoEnds {
  readonly ours: number;
  readonly theirs: number;
}

/**
 * Opens a FIFO that a process writes. Its end is O_RDWR, so that it gets no SIGPIPE when readers vanish; up to 64 KB
 * then wait in the pipe.
 */
export function openOutputFifo(path: string): FifoEnds {
  const ours = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { ours, theirs: openSync(path, constants.O_RDWR) };
}

/** Opens a FIFO that a process reads. Its end is O_RDONLY, so that it sees the end when the last writer closes. */
export function openInputFifo(path: string): FifoEnds {
  const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const theirs = openSync(path, constants.O_RDONLY);
    return { ours: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), theirs };
  } finally {
    closeSync(both);
  }
}

const F_DUPFD_CLOEXEC = 1030;

/** Another descriptor of the same open file, close-on-exec. */
export function duplicate(fd: number): number {
  return check(libc.fcntl(fd, F_DUPFD_CLOEXEC, 3), "fcntl");
}
