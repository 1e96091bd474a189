/** Carries a plan out: what does not wait for each other goes side by side. */
import { ApiError } from "../../client/client.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Operation, Plan } from "../plan/operation.ts";
import type { Progress } from "../progress.ts";
import { progressOf } from "./words.ts";

export interface ExecuteOptions {
  /** How many at a time; -1 for all. */
  readonly parallel: number;
  readonly progress: Progress;
  /** Nothing new begins once it is aborted; what has begun ends. */
  readonly signal?: AbortSignal;
  readonly perform: (operation: Operation) => Promise<void>;
}

/**
 * Answers once everything has been done. On a failure whatever waits for it is left undone, what has begun ends, and then the
 * first failure is thrown. An abort is thrown likewise.
 */
export async function execute(plan: Plan, options: ExecuteOptions): Promise<void> {
  const { parallel, progress, signal, perform } = options;
  for (const warning of plan.warnings) progress.warn(warning);
  const gate = new Gate(parallel);
  const ends = new Map<string, Promise<boolean>>();
  const failures: unknown[] = [];
  const byId = new Map(plan.operations.map((operation) => [operation.id, operation]));
  const run = async (operation: Operation): Promise<boolean> => {
    const before = await Promise.all(operation.after.map((id) => endOf(id)));
    if (before.includes(false) || failures.length > 0) return false;
    using _place = await gate.enter(isWaiting(operation));
    if (failures.length > 0) return false;
    try {
      signal?.throwIfAborted();
      const { thing, begins, ends: ended } = progressOf(operation);
      if (begins) progress.tell(thing, begins, "working");
      await perform(operation);
      if (ended) progress.tell(thing, ended, "done");
      return true;
    } catch (error) {
      const { thing } = progressOf(operation);
      if (!signal?.aborted) progress.tell(thing, toldError(error), "failed");
      failures.push(error);
      return false;
    }
  };
  const endOf = (id: string): Promise<boolean> => {
    const known = ends.get(id);
    if (known) return known;
    const operation = byId.get(id);
    // Deferred, so that the map knows it before it asks for what comes before it.
    const end = operation ? Promise.resolve().then(() => run(operation)) : Promise.resolve(true);
    ends.set(id, end);
    return end;
  };
  await Promise.all(plan.operations.map(({ id }) => endOf(id)));
  if (failures.length > 0) throw failures[0];
}

/** A failure in one line, as it is told where the whole command ends with it. */
export const toldError = (error: unknown): string =>
  `${error instanceof ApiError ? "Error response from daemon: " : ""}${messageOf(error)}`.replace(/\s*\n[\s\S]*/, "");

/** Waiting for a service costs nothing and may take for ever: it holds no place. */
const isWaiting = ({ action }: Operation): boolean => action.kind === "awaitService" || action.kind === "delay";

/** So many at a time. */
class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places > 0 ? places : Number.POSITIVE_INFINITY;
  }

  async enter(free: boolean): Promise<Disposable> {
    if (free) return { [Symbol.dispose]: () => {} };
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return { [Symbol.dispose]: () => this.#leave() };
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
