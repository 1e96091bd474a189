/**
 * What the daemon keeps of each process against the supervisor's death: a pidfd (the kernel may tell a code by it that
 * nobody else saw), the FIFOs' ends (unread output stays in a pipe only while somebody has it open; stdin sees no end),
 * the terminal's master (without any, the kernel hangs the process up).
 */
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { pidfdExitStatus, pidfdGetFd, pidfdOpenIdentified } from "../linux/pidfd.ts";
import type { WaitStatus } from "../linux/process.ts";
import { isErrno, SyscallError } from "../linux/syscall-error.ts";
import type { AdoptRequest, ProcessIdentity, ProcessTarget, StdioPlace } from "../supervisor/protocol.ts";

interface Keepsake {
  readonly target: ProcessTarget;
  pidfd: number;
  stdin: number;
  console: number;
  outputs: number[];
}

/** One text for a target. */
const targetKey = (target: ProcessTarget): string =>
  target.execId === undefined ? target.containerId : `${target.containerId}.${target.execId}`;

export class Keepsakes {
  readonly #kept = new Map<string, Keepsake>();
  /** Ends of stdin that were told before the start's own reply was worked through. */
  readonly #endedEarly = new Set<string>();

  /** Keeps what there is to keep; a process that is gone already leaves nothing. `supervisor` is a pidfd of it. */
  keep(target: ProcessTarget, identity: ProcessIdentity, stdio: StdioPlace, supervisor: number | null): void {
    const early = this.#endedEarly.has(targetKey(target));
    this.drop(target);
    const pidfd = pidfdOpenIdentified(identity.pid, identity.startTime, closeSync);
    if (pidfd === null) return;
    const kept: Keepsake = { target, pidfd, stdin: -1, console: -1, outputs: [] };
    this.#kept.set(targetKey(target), kept);
    if (stdio.consoleFd !== null) {
      if (supervisor !== null) kept.console = duplicateOf(supervisor, stdio.consoleFd);
      return;
    }
    for (const name of ["stdout", "stderr"]) {
      const fd = openIfThere(join(stdio.directory, name), constants.O_RDONLY);
      if (fd !== -1) kept.outputs.push(fd);
    }
    if (stdio.stdinOpen && !early) kept.stdin = openIfThere(join(stdio.directory, "stdin"), constants.O_WRONLY);
  }

  /** The process's stdin is to end: ours must not keep it open. */
  closeStdin(target: ProcessTarget): void {
    const kept = this.#kept.get(targetKey(target));
    if (!kept) this.#endedEarly.add(targetKey(target));
    if (!kept || kept.stdin === -1) return;
    closeSync(kept.stdin);
    kept.stdin = -1;
  }

  /** What the kernel tells of a process that somebody else reaped; `null` when it does not. */
  exitStatus(target: ProcessTarget): WaitStatus | null {
    const kept = this.#kept.get(targetKey(target));
    return kept ? pidfdExitStatus(kept.pidfd) : null;
  }

  /** The terminals, for a new supervisor to take from this process. */
  consoles(): AdoptRequest {
    const consoles = [...this.#kept.values()].flatMap(({ target, console }) =>
      console === -1 ? [] : [{ target, fd: console }],
    );
    return { holder: process.pid, consoles };
  }

  drop(target: ProcessTarget): void {
    const key = targetKey(target);
    this.#endedEarly.delete(key);
    const kept = this.#kept.get(key);
    if (!kept) return;
    this.#kept.delete(key);
    for (const fd of [kept.pidfd, kept.stdin, kept.console, ...kept.outputs]) if (fd !== -1) closeSync(fd);
  }

  /** A container's, and those of its execs. */
  dropContainer(containerId: string): void {
    for (const { target } of [...this.#kept.values()]) if (target.containerId === containerId) this.drop(target);
  }

  dropAll(): void {
    for (const { target } of [...this.#kept.values()]) this.drop(target);
  }
}

function duplicateOf(supervisor: number, fd: number): number {
  try {
    return pidfdGetFd(supervisor, fd);
  } catch (error) {
    // EBADF: closed meanwhile; EPERM, ENOSYS: not to be had here, and the terminal depends on the supervisor alone.
    if (error instanceof SyscallError) return -1;
    throw error;
  }
}

function openIfThere(path: string, flags: number): number {
  try {
    return openSync(path, flags | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENXIO")) return -1;
    throw error;
  }
}
