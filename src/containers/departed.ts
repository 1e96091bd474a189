import type { ContainerWaitResponse } from "../api/containers.ts";

const keptMs = 10_000;
const keptAtMost = 1000;

/**
 * How containers ended that went by themselves (`AutoRemove`) a moment ago, by full id. Clients start such a container and only
 * then ask to wait for it (dockerode's `run` does): a short command here is over and gone before that request comes, while
 * dockerd still takes it down.
 */
export class Departed {
  readonly #outcomes = new Map<string, { readonly response: ContainerWaitResponse; readonly at: number }>();

  note(id: string, response: ContainerWaitResponse): void {
    const now = performance.now();
    for (const [old, { at }] of this.#outcomes) {
      if (now - at <= keptMs && this.#outcomes.size < keptAtMost) break;
      this.#outcomes.delete(old);
    }
    this.#outcomes.set(id, { response, at: now });
  }

  outcome(id: string): ContainerWaitResponse | undefined {
    const found = this.#outcomes.get(id);
    return found && performance.now() - found.at <= keptMs ? found.response : undefined;
  }
}
