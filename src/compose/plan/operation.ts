/** A plan: operations as data, each one call of the API with its cause and what must be done before it. */
import type { ObservedContainer } from "../observe.ts";

export type Action =
  | { readonly kind: "createNetwork"; readonly key: string }
  | { readonly kind: "removeNetwork"; readonly network: string }
  | { readonly kind: "disconnect"; readonly network: string; readonly container: ObservedContainer }
  | { readonly kind: "createVolume"; readonly key: string }
  /** One that is in use stays, with a warning; where `required` it is a failure. */
  | { readonly kind: "removeVolume"; readonly volume: string; readonly required?: boolean }
  | { readonly kind: "removeImage"; readonly image: string }
  | {
      readonly kind: "createContainer";
      readonly service: string;
      readonly number: number;
      readonly name: string;
      /** Its anonymous volumes go over, unless `renewVolumes`; it gives its name later. */
      readonly replaces?: ObservedContainer;
      readonly renewVolumes?: boolean;
    }
  /** Gives the replacement of a container the name that it is to have. */
  | { readonly kind: "renameContainer"; readonly service: string; readonly name: string; readonly temporary: string }
  | {
      readonly kind: "startContainer";
      readonly service: string;
      readonly name: string;
      /** The old container still serves: where this one fails it is taken away again. */
      readonly standby?: boolean;
    }
  | {
      readonly kind: "stopContainer";
      readonly container: ObservedContainer;
      readonly timeout?: number;
      /** Part of a replacement, which is told as one. */
      readonly silent?: boolean;
    }
  | { readonly kind: "restartContainer"; readonly container: ObservedContainer; readonly timeout?: number }
  | { readonly kind: "killContainer"; readonly container: ObservedContainer; readonly signal: string }
  | { readonly kind: "pauseContainer" | "unpauseContainer"; readonly container: ObservedContainer }
  | {
      readonly kind: "removeContainer";
      readonly container: ObservedContainer;
      readonly volumes: boolean;
      /** As for a stop. */
      readonly silent?: boolean;
    }
  /** Until every container of the service is as the condition says. */
  | {
      readonly kind: "awaitService";
      readonly service: string;
      readonly condition: WaitCondition;
      readonly names: readonly string[];
      readonly required: boolean;
      /** As for a start. */
      readonly standby?: boolean;
    }
  /** Between two replacements (`update_config.delay`). */
  | { readonly kind: "delay"; readonly nanoseconds: number }
  /** Nothing to do: the container is as it should be. */
  | { readonly kind: "keep"; readonly name: string };

export type WaitCondition = "service_healthy" | "service_completed_successfully" | "running_or_healthy";

export interface Operation {
  /** Unique in its plan: `create p-web-1`. */
  readonly id: string;
  readonly action: Action;
  /** Ids of operations of this plan that come first. */
  readonly after: readonly string[];
  /** Why, for people. */
  readonly cause: string;
}

export interface Plan {
  readonly operations: readonly Operation[];
  /** What is odd but stops nothing. */
  readonly warnings: readonly string[];
}

/** Gathers operations; `after` may name what is not in the plan, which is then left out. */
export class PlanBuilder {
  readonly #operations: Operation[] = [];
  readonly #ids = new Set<string>();
  readonly warnings: string[] = [];

  /** Adds it unless one of that id is there; answers the id. */
  add(id: string, action: Action, cause: string, after: readonly string[] = []): string {
    if (this.#ids.has(id)) return id;
    this.#ids.add(id);
    this.#operations.push({ id, action, cause, after });
    return id;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  build(): Plan {
    const operations = this.#operations.map((operation) => ({
      ...operation,
      after: [...new Set(operation.after)].filter((id) => this.#ids.has(id) && id !== operation.id),
    }));
    return { operations, warnings: this.warnings };
  }
}

/** One line for each operation: what, why, and after which others. */
export function planText({ operations, warnings }: Plan): string {
  const lines = operations.map(({ id, cause, after }) => {
    const order = after.length > 0 ? ` <- ${after.join(", ")}` : "";
    return `${id} (${cause})${order}`;
  });
  return [...warnings.map((warning) => `! ${warning}`), ...lines].map((line) => `${line}\n`).join("");
}
