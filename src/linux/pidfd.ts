/** Process descriptors: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), PIDFD_GET_INFO. */
import { check, FFIType, fixedBuffer, lastErrno, openLibc, ptr } from "./libc.ts";
import type { WaitStatus } from "./process.ts";
import { startTimeOf } from "./process.ts";
import { SyscallError } from "./syscall-error.ts";

const { i32, u32, i64_fast, ptr: pointer } = FFIType;
const libc = openLibc({
  syscall: { args: [i64_fast, i32, i32, pointer, u32], returns: i64_fast },
  ioctl: { args: [i32, i64_fast, pointer], returns: i32 },
  poll: { args: [pointer, u32, i32], returns: i32 },
});

// The same numbers on every architecture.
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;
const SYS_pidfd_getfd = 438;
const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_EXIT = 8;
const ESRCH = 3;
const POLLIN = 1;

/** Opens the process `pid` (close-on-exec); `null` when there is none. A zombie can be opened. */
export function pidfdOpen(pid: number): number | null {
  const fd = Number(libc.syscall(SYS_pidfd_open, pid, 0, null, 0));
  if (fd >= 0) return fd;
  if (lastErrno() === ESRCH) return null;
  throw new SyscallError("pidfd_open", lastErrno());
}

/** As {@link pidfdOpen} for the process of that start time; `close` is the caller's. */
export function pidfdOpenIdentified(pid: number, startTime: string, close: (fd: number) => void): number | null {
  const fd = pidfdOpen(pid);
  if (fd === null) return null;
  if (startTimeOf(pid) === startTime) return fd;
  close(fd);
  return null;
}

/** Sends a signal; false when the process is gone. */
export function pidfdSignal(pidfd: number, signal: number): boolean {
  if (Number(libc.syscall(SYS_pidfd_send_signal, pidfd, signal, null, 0)) === 0) return true;
  if (lastErrno() === ESRCH) return false;
  throw new SyscallError("pidfd_send_signal", lastErrno());
}

/** Duplicates descriptor `fd` of another process into this one (close-on-exec); needs the right to trace it. */
export function pidfdGetFd(pidfd: number, fd: number): number {
  return check(Number(libc.syscall(SYS_pidfd_getfd, pidfd, fd, null, 0)), "pidfd_getfd");
}

/** True once the process has ended, reaped or not. */
export const pidfdEnded = (pidfd: number): boolean => endedPidfds([pidfd]).size === 1;

/** Those of `pidfds` whose processes have ended, reaped or not: one system call for all of them. */
export function endedPidfds(pidfds: readonly number[]): Set<number> {
  const ended = new Set<number>();
  if (pidfds.length === 0) return ended;
  const requests = fixedBuffer(8 * pidfds.length);
  pidfds.forEach((pidfd, index) => {
    requests.writeInt32LE(pidfd, 8 * index);
    requests.writeInt16LE(POLLIN, 8 * index + 4);
  });
  check(libc.poll(ptr(requests), pidfds.length, 0), "poll");
  pidfds.forEach((pidfd, index) => {
    if ((requests.readInt16LE(8 * index + 6) & POLLIN) !== 0) ended.add(pidfd);
  });
  return ended;
}

/**
 * How a process ended that somebody else reaped, by a descriptor opened before that; `null` where the kernel does not
 * tell (before 6.15) or the process is not reaped yet.
 */
export function pidfdExitStatus(pidfd: number): WaitStatus | null {
  const info = fixedBuffer(64);
  info.writeBigUInt64LE(BigInt(PIDFD_INFO_EXIT), 0);
  if (libc.ioctl(pidfd, PIDFD_GET_INFO, ptr(info)) !== 0) return null;
  if ((Number(info.readBigUInt64LE(0)) & PIDFD_INFO_EXIT) === 0) return null;
  const status = info.readInt32LE(60);
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: null } : { code: 128 + signal, signal };
}
