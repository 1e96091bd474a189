/** What travels with one request through the floors: its cancellation and where its time goes. */
export interface Operation {
  readonly signal: AbortSignal;
  readonly timings: Timings;
}

/** Named durations of the steps of one operation, in milliseconds, in the order the steps ended. */
export class Timings {
  readonly #steps: { name: string; ms: number }[] = [];

  /** Runs `step` and records how long it took, also when it throws. */
  async measure<T>(name: string, step: () => Promise<T>): Promise<T> {
    const from = performance.now();
    try {
      return await step();
    } finally {
      this.record(name, performance.now() - from);
    }
  }

  /** As {@link measure}, for a step that does not wait. */
  measureSync<T>(name: string, step: () => T): T {
    const from = performance.now();
    try {
      return step();
    } finally {
      this.record(name, performance.now() - from);
    }
  }

  record(name: string, ms: number): void {
    this.#steps.push({ name, ms });
  }

  get steps(): readonly { name: string; ms: number }[] {
    return this.#steps;
  }
}

/** An operation that nobody cancels, for work the engine starts by itself. */
export function background(): Operation {
  return { signal: new AbortController().signal, timings: new Timings() };
}
