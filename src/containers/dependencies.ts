import { pause } from "../lib/pause.ts";
import type { Context } from "./context.ts";
import { hasProcess, isActive } from "./lifecycle.ts";
import { settlesWithin } from "./settles.ts";
import type { Awaited, StartCondition } from "./start-order.ts";

/** Milliseconds that a start waits for one of its dependencies at the most. */
const longestWaitMs = 120_000;
const lookAgainMs = 100;

/**
 * Who waits for whom while an engine starts what its policies say. Nothing waits for ever, and a dependency that does not
 * come as it was asked for holds nobody up once that is clear: the policy's word stands.
 */
export class Dependencies {
  readonly #ctx: Context;
  readonly #limit: number;
  readonly #starts = new Map<string, Promise<unknown>>();
  /** One watch for each container and condition, however many wait for it. */
  readonly #watches = new Map<string, Promise<void>>();

  constructor(ctx: Context, limit = longestWaitMs) {
    this.#ctx = ctx;
    this.#limit = limit;
  }

  /** Makes a start known to those that come after it; `start` settles either way. */
  starts(id: string, start: Promise<unknown>): void {
    this.#starts.set(id, settlesWithin(start, this.#limit));
  }

  /** Answers once everything awaited is there, never will be, or was given its time; or the engine closes. */
  async met(awaited: readonly Awaited[]): Promise<void> {
    await Promise.all(awaited.flatMap(({ condition, ids }) => ids.map((id) => this.#watch(id, condition))));
  }

  #watch(id: string, condition: StartCondition): Promise<void> {
    const key = `${condition} ${id}`;
    const known = this.#watches.get(key);
    if (known) return known;
    const watch = this.#untilDecided(id, condition);
    this.#watches.set(key, watch);
    return watch;
  }

  async #untilDecided(id: string, condition: StartCondition): Promise<void> {
    const { signal } = this.#ctx.closing;
    const before = this.#ctx.index.find(id)?.record.state.startedAt;
    await this.#starts.get(id);
    const deadline = performance.now() + this.#limit;
    while (!signal.aborted && !this.#isDecided(id, condition, before)) {
      if (performance.now() > deadline) {
        this.#ctx.log(`container ${id}: not ${condition} within ${this.#limit / 1000} s: dependents start without it`);
        return;
      }
      await pause(lookAgainMs, signal);
    }
  }

  /** `before` is when it had last been started as the wait began: one that crashes again and again has been started, too. */
  #isDecided(id: string, condition: StartCondition, before: string | undefined): boolean {
    const container = this.#ctx.index.find(id);
    if (container?.id !== id || container.broken !== null) return true;
    const { status, startedAt, health } = container.record.state;
    if (condition === "service_started") return status !== "restarting" || startedAt !== before;
    if (condition === "service_completed_successfully") return !isActive(status);
    return !isActive(status) || (hasProcess(status) && health?.Status !== "starting");
  }
}
