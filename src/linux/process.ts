/** Processes: waitid(2), prctl(2), what /proc tells of one. */
import { readFileSync } from "node:fs";
import { check, FFIType, openLibc, ptr } from "./libc.ts";
import { isErrno } from "./syscall-error.ts";

const { i32, u32, u64, ptr: pointer } = FFIType;
const libc = openLibc({
  prctl: { args: [i32, u64, u64, u64, u64], returns: i32 },
  waitid: { args: [i32, u32, pointer, i32, pointer], returns: i32 },
  close_range: { args: [u32, u32, i32], returns: i32 },
  clock_gettime: { args: [i32, pointer], returns: i32 },
});

const PR_SET_PDEATHSIG = 1;
const PR_SET_CHILD_SUBREAPER = 36;
const SIGKILL = 9n;
const P_PID = 1;
const P_PIDFD = 3;
const WNOHANG = 1;
const WEXITED = 4;
const CLD_EXITED = 1;
const CLOSE_RANGE_CLOEXEC = 4;

/** How a process ended: its own code, or the signal that ended it. */
export interface WaitStatus {
  readonly code: number;
  readonly signal: number | null;
}

/** Orphans below this process become its children (PR_SET_CHILD_SUBREAPER). */
export function becomeSubreaper(): void {
  check(libc.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n), "prctl");
}

/** This process ends when the one that started it does (PR_SET_PDEATHSIG): for helpers, whose work nobody would take. */
export function endWithParent(): void {
  const parent = process.ppid;
  check(libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n), "prctl");
  if (process.ppid !== parent) process.exit(1);
}

/** Marks every descriptor above standard error to be closed at exec; a kernel before 5.11 leaves them as they are. */
export function closeInheritedOnExec(): void {
  libc.close_range(3, 0x7fffffff, CLOSE_RANGE_CLOEXEC);
}

const siginfo = Buffer.from(new ArrayBuffer(128));
const siginfoPointer = ptr(siginfo);

/** Reaps one child; `null` while it runs, and for a process that is not a child. */
function reap(idType: number, id: number): WaitStatus | null {
  siginfo.fill(0);
  if (libc.waitid(idType, id, siginfoPointer, WEXITED | WNOHANG, null) === -1) return null;
  const how = siginfo.readInt32LE(8);
  const status = siginfo.readInt32LE(24);
  if (how === 0) return null;
  return how === CLD_EXITED ? { code: status, signal: null } : { code: 128 + status, signal: status };
}

/** Reaps the child that a pidfd names. */
export const reapPidfd = (pidfd: number): WaitStatus | null => reap(P_PIDFD, pidfd);

/** Reaps a child by its pid, which stays its own until then. */
export const reapPid = (pid: number): WaitStatus | null => reap(P_PID, pid);

/** Field 22 of /proc/pid/stat, `null` when there is no such process. See proc(5). */
export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field, the command, may hold blanks and parentheses; it ends at the last one.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return null;
    throw error;
  }
}

/** Children of this process's main thread, dead ones included; empty where the kernel does not list them. */
export function childrenOfSelf(): number[] {
  try {
    const text = readFileSync(`/proc/self/task/${process.pid}/children`, "latin1");
    return text.split(" ").filter(Boolean).map(Number);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

const timespec = Buffer.from(new ArrayBuffer(16));
const timespecPointer = ptr(timespec);

/** CLOCK_REALTIME in nanoseconds since the epoch. */
export function realtime(): bigint {
  check(libc.clock_gettime(0, timespecPointer), "clock_gettime");
  return timespec.readBigInt64LE(0) * 1_000_000_000n + timespec.readBigInt64LE(8);
}

/** How a dead process that its parent has not reaped ended; `null` when it is another process or no zombie. */
export function zombieStatus(pid: number, startTime: string): WaitStatus | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] !== "Z" || fields[19] !== startTime) return null;
    const status = Number(fields[49]);
    const signal = status & 0x7f;
    return signal === 0 ? { code: (status >> 8) & 0xff, signal: null } : { code: 128 + signal, signal };
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return null;
    throw error;
  }
}
