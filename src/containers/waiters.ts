import type { ContainerWaitResponse, WaitCondition } from "../api/containers.ts";
import { canceled } from "../lib/errors.ts";

type Settle = (response: ContainerWaitResponse) => void;

/** Who waits for what of one container. */
export class Waiters {
  readonly #waiting: Record<WaitCondition, Set<Settle>> = {
    "not-running": new Set(),
    "next-exit": new Set(),
    removed: new Set(),
  };

  /** Registers at once; rejects with `canceled` when `signal` is aborted first. */
  add(condition: WaitCondition, signal?: AbortSignal): Promise<ContainerWaitResponse> {
    const set = this.#waiting[condition];
    const { promise, resolve, reject } = Promise.withResolvers<ContainerWaitResponse>();
    const settle: Settle = (response) => {
      set.delete(settle);
      signal?.removeEventListener("abort", abort);
      resolve(response);
    };
    const abort = (): void => {
      set.delete(settle);
      reject(canceled("context canceled"));
    };
    set.add(settle);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    return promise;
  }

  settle(condition: WaitCondition, response: ContainerWaitResponse): void {
    for (const settle of [...this.#waiting[condition]]) settle(response);
  }
}
