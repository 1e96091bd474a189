/** Watching beside an `up` in the foreground, begun and ended as someone likes. */
import type { Project } from "../../compose/model/project.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Scope } from "./scope.ts";
import { checkWatchable, watchProject } from "./watch.ts";

export class WatchSwitch {
  readonly #scope: Scope;
  readonly #project: Project;
  readonly #signal: AbortSignal;
  #current: AbortController | null = null;

  /** All watching ends with `signal`. */
  constructor(scope: Scope, project: Project, signal: AbortSignal) {
    this.#scope = scope;
    this.#project = project;
    this.#signal = signal;
  }

  /** Answers whether it goes on now. Throws where no service has a rule. */
  toggle(): boolean {
    if (this.#current) {
      this.stop();
      this.#scope.tell("Watch disabled");
      return false;
    }
    checkWatchable(this.#project);
    const current = new AbortController();
    this.#current = current;
    const signal = AbortSignal.any([current.signal, this.#signal]);
    watchProject(this.#scope, this.#project, { quiet: true, prune: true, signal }).catch((error: unknown) =>
      this.#scope.warn(messageOf(error)),
    );
    return true;
  }

  stop(): void {
    this.#current?.abort();
    this.#current = null;
  }
}
