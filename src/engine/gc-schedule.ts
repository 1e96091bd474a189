import { messageOf } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import type { GcPolicy } from "./config.ts";
import type { GarbageCollector } from "./gc.ts";
import type { GcClock } from "./gc-clock.ts";

/** Timers know no longer time than this; a longer wait is waited for in parts. */
const longestWaitMs = 3_600_000;

/** Collects at the policy's interval, counted from the last time also across restarts. */
export class GcSchedule implements AsyncDisposable {
  readonly #collector: GarbageCollector;
  readonly #clock: GcClock;
  readonly #policy: () => GcPolicy;
  readonly #log: (message: string) => void;
  readonly #stop = new AbortController();
  readonly #started: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #run: Promise<void> = Promise.resolve();

  constructor(collector: GarbageCollector, clock: GcClock, policy: () => GcPolicy, log: (message: string) => void) {
    this.#collector = collector;
    this.#clock = clock;
    this.#policy = policy;
    this.#log = log;
    this.#started = clock.now();
    this.arm();
  }

  /** To be called again when the policy changes. */
  arm(): void {
    clearTimeout(this.#timer);
    const { enabled, intervalMs } = this.#policy();
    if (!enabled || this.#stop.signal.aborted) return;
    const wait = (this.#clock.lastRun ?? this.#started) + intervalMs - this.#clock.now();
    this.#timer = setTimeout(() => this.#tick(), Math.min(Math.max(wait, 0), longestWaitMs));
    this.#timer.unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#run;
  }

  #tick(): void {
    const { intervalMs } = this.#policy();
    const isDue = this.#clock.now() - (this.#clock.lastRun ?? this.#started) >= intervalMs;
    if (isDue) this.#run = this.#collect().finally(() => this.arm());
    else this.arm();
  }

  async #collect(): Promise<void> {
    try {
      this.#clock.ran();
      await this.#collector.run({ dryRun: false }, { ...background(), signal: this.#stop.signal });
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#log(`gc: ${messageOf(error)}`);
    }
  }
}
