/** The ends of supervised processes: found at SIGCHLD, recorded, told. */
import { messageOf } from "../lib/errors.ts";
import { endedPidfds } from "../linux/pidfd.ts";
import { childrenOfSelf, reapPid } from "../linux/process.ts";
import type { Push } from "./protocol.ts";
import type { Records } from "./records.ts";
import type { Supervised } from "./supervised.ts";

const adoptedPollMs = 50;
const strayReapDelayMs = 1000;

interface ExitsOptions {
  readonly processes: ReadonlyMap<string, Supervised>;
  readonly records: Records;
  readonly push: (push: Push) => void;
  readonly log: (message: string) => void;
  /** True while a start or a runtime is under way, whose processes no record tells of yet. */
  readonly starting: () => boolean;
}

export class Exits {
  readonly #options: ExitsOptions;
  #pollTimer: Timer | null = null;
  #strayTimer: Timer | null = null;

  constructor(options: ExitsOptions) {
    this.#options = options;
  }

  /** Takes the exits of all processes that have ended. Called at SIGCHLD. */
  reap(): void {
    const running = [...this.#options.processes.values()].filter(({ exit }) => exit === null);
    const gone = this.#gone(running);
    for (const process of running) {
      if (!process.needsPolling && !gone.has(process.pidfd)) continue;
      const ended = process.collect();
      if (ended) void this.#finish(process, ended);
    }
    this.#strayTimer ??= setTimeout(() => this.#reapStrays(), strayReapDelayMs);
  }

  /** Asks after processes whose end no SIGCHLD tells, for as long as there are any. */
  pollAdopted(): void {
    if (this.#pollTimer || ![...this.#options.processes.values()].some((each) => each.needsPolling)) return;
    this.#pollTimer = setTimeout(() => {
      this.#pollTimer = null;
      this.reap();
      this.pollAdopted();
    }, adoptedPollMs);
  }

  tell(process: Supervised): void {
    if (process.exit) this.#options.push({ event: "exit", target: process.record.target, status: process.exit });
  }

  /** Descriptors of those that have ended; of all, where the kernel does not say, since each is asked once more. */
  #gone(running: readonly Supervised[]): ReadonlySet<number> {
    const pidfds = running.map(({ pidfd }) => pidfd);
    try {
      return endedPidfds(pidfds);
    } catch (error) {
      this.#options.log(`look for ended processes: ${messageOf(error)}`);
      return new Set(pidfds);
    }
  }

  async #finish(process: Supervised, ended: NonNullable<ReturnType<Supervised["collect"]>>): Promise<void> {
    const { processes, records, push, log } = this.#options;
    const status = process.describeExit(ended);
    process.exit = status;
    try {
      records.saveExit(process.key, process.started.startTime, status);
    } catch (error) {
      // Told all the same: only a supervisor that dies before the daemon has recorded it would lose this exit.
      log(`record exit of ${process.key}: ${messageOf(error)}`);
    }
    if (status.oomKilled) push({ event: "oom", target: process.record.target });
    try {
      await process.settle();
    } catch (error) {
      log(`drain ${process.key}: ${messageOf(error)}`);
    }
    if (processes.get(process.key) === process) this.tell(process);
  }

  /** Orphans of containers that share the host's pid namespace come to us, the subreaper. */
  #reapStrays(): void {
    const { processes, log, starting } = this.#options;
    this.#strayTimer = null;
    if (starting()) return;
    const own = new Set([...processes.values()].filter((each) => !each.exit).map((each) => each.started.pid));
    try {
      for (const pid of childrenOfSelf()) if (!own.has(pid)) reapPid(pid);
    } catch (error) {
      log(`look for strays: ${messageOf(error)}`);
      this.#strayTimer = setTimeout(() => this.#reapStrays(), strayReapDelayMs);
    }
  }
}
