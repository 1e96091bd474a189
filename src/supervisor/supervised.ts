/** One process under supervision, from its start (or adoption) until it is forgotten. */
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { formatNanoseconds } from "../lib/log-file/time.ts";
import { type LogLoss, LogWriter } from "../lib/log-file/writer.ts";
import { oomKills } from "../linux/cgroup.ts";
import { duplicate } from "../linux/fifo.ts";
import { pidfdEnded, pidfdExitStatus } from "../linux/pidfd.ts";
import { realtime, reapPidfd, type WaitStatus, zombieStatus } from "../linux/process.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { Input } from "./input.ts";
import type { OurEnds } from "./launch.ts";
import { OutputHub, OutputPump, type Subscriber } from "./output.ts";
import type { ExitStatus, LogLimits, StdioPlace, SupervisedProcess } from "./protocol.ts";
import type { ProcessRecord, StartedRecord } from "./records.ts";

/** How long a dead process that is not our child may stay unreaped before its code counts as unknown. */
const reapPatience = 2000;
/** How long the report of an exit waits for slow readers of the last output. */
const drainPatience = 2000;

export class Supervised {
  readonly key: string;
  record: ProcessRecord;
  readonly started: StartedRecord;
  readonly hub: OutputHub;
  exit: ExitStatus | null = null;
  readonly #pumps: OutputPump[] = [];
  #pidfd: number;
  #ends: OurEnds;
  #input: Input | null = null;
  readonly #log: LogWriter | null;
  #endedAt = 0;
  readonly #ownChild: boolean;
  readonly #directory: string;

  constructor(options: {
    key: string;
    directory: string;
    record: ProcessRecord;
    started: StartedRecord;
    pidfd: number;
    ends: OurEnds;
    ownChild: boolean;
    subscribers: Iterable<Subscriber>;
    onLogLoss: (loss: LogLoss) => void;
  }) {
    this.key = options.key;
    this.#directory = options.directory;
    this.record = options.record;
    this.started = options.started;
    this.#pidfd = options.pidfd;
    this.#ends = options.ends;
    this.#ownChild = options.ownChild;
    const { io, log: target } = options.record;
    this.#log = target && new LogWriter({ ...target, now: realtime, onLoss: options.onLogLoss });
    this.hub = new OutputHub({ framed: !io.tty, log: this.#log });
    for (const subscriber of options.subscribers) this.hub.add(subscriber);
    this.#wire();
  }

  /** Other limits for its log from the next write on. */
  limitLog(limits: LogLimits): void {
    const { log } = this.record;
    if (!log) return;
    this.record = { ...this.record, log: { ...log, ...limits } };
    this.#log?.limit(limits);
  }

  /** Takes a terminal's master that somebody kept while the supervisor was gone. */
  adoptConsole(master: number): void {
    this.#ends = { ...this.#ends, console: master };
    this.#wireConsole(master);
  }

  #wireConsole(master: number): void {
    this.#input = new Input(duplicate(master), { terminal: true });
    this.#pumps.push(new OutputPump(duplicate(master), "stdout", this.hub));
  }

  #wire(): void {
    const { console, stdout, stderr, stdin } = this.#ends;
    if (console !== -1) this.#wireConsole(console);
    if (stdin !== -1) this.#input = new Input(stdin, { terminal: false });
    if (stdout !== -1) this.#pumps.push(new OutputPump(stdout, "stdout", this.hub));
    if (stderr !== -1) this.#pumps.push(new OutputPump(stderr, "stderr", this.hub));
  }

  get pidfd(): number {
    return this.#pidfd;
  }

  get console(): number {
    return this.#ends.console;
  }

  get input(): Input | null {
    return this.#input;
  }

  /** True for an adopted process, whose end no SIGCHLD tells. */
  get needsPolling(): boolean {
    return !this.#ownChild && this.exit === null;
  }

  /** How the process ended; `null` while it runs, or while it may yet be learnt. */
  collect(): { status: WaitStatus; unknown: boolean } | null {
    if (this.#ownChild) {
      const status = reapPidfd(this.#pidfd);
      return status && { status, unknown: false };
    }
    if (this.#pidfd !== -1) {
      if (!pidfdEnded(this.#pidfd)) return null;
      this.#endedAt ||= performance.now();
      const status = pidfdExitStatus(this.#pidfd) ?? zombieStatus(this.started.pid, this.started.startTime);
      if (status) return { status, unknown: false };
      if (performance.now() - this.#endedAt < reapPatience) return null;
    }
    return { status: { code: 255, signal: null }, unknown: true };
  }

  /** The exit as it is told, before the cgroup goes. */
  describeExit({ status, unknown }: { status: WaitStatus; unknown: boolean }): ExitStatus {
    const at = formatNanoseconds(realtime());
    const oomKilled = this.#hadOom();
    return { code: status.code, signal: status.signal, oomKilled, at, unknown };
  }

  /** Without a descriptor to ask with, the kernel is taken not to have killed: the exit has been collected, and must be told. */
  #hadOom(): boolean {
    try {
      return this.started.cgroups !== null && oomKills(this.started.cgroups) > 0;
    } catch (error) {
      if (isErrno(error, "EMFILE", "ENFILE", "ENOMEM")) return false;
      throw error;
    }
  }

  /** After the exit: the rest of the output, then the end for everyone. Resolves early when readers are too slow. */
  async settle(): Promise<void> {
    this.closeInput();
    const finished = Promise.all(this.#pumps.map((pump) => pump.drain())).then(() => {
      this.hub.close();
      if (this.#ends.console !== -1) closeSync(this.#ends.console);
      this.#ends = { stdin: -1, stdout: -1, stderr: -1, console: -1 };
    });
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, drainPatience);
    await Promise.race([finished, timer.promise]);
    clearTimeout(timeout);
    if (this.#pidfd !== -1) closeSync(this.#pidfd);
    this.#pidfd = -1;
  }

  closeInput(): void {
    this.#input?.close();
  }

  get stdio(): StdioPlace {
    const { console } = this.#ends;
    const stdinOpen = console === -1 && this.#input !== null && !this.#input.closed;
    return { directory: this.#directory, stdinOpen, consoleFd: console === -1 ? null : console };
  }

  describe(): SupervisedProcess {
    const { target, io } = this.record;
    return {
      ...target,
      pid: this.started.pid,
      startTime: this.started.startTime,
      tty: io.tty,
      exit: this.exit,
      stdio: this.stdio,
    };
  }
}

/** Our ends of a process whose supervisor died, opened again by their paths. A terminal comes from who kept it. */
export function reopenEnds(directory: string, console: number): OurEnds {
  const open = (name: string, flags: number): number => {
    try {
      return openSync(join(directory, name), flags | constants.O_NONBLOCK);
    } catch (error) {
      // ENXIO: nobody reads that stdin any more.
      if (isErrno(error, "ENOENT", "ENXIO")) return -1;
      throw error;
    }
  };
  return {
    stdin: open("stdin", constants.O_WRONLY),
    stdout: open("stdout", constants.O_RDONLY),
    stderr: open("stderr", constants.O_RDONLY),
    console,
  };
}
