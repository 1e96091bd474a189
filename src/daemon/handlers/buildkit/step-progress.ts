/** What the builder tells of its steps, as vertices. */
import type { BuildEvent } from "../../../builder/builder.ts";
import type { LintWarning } from "../../../builder/dockerfile/lint/linter.ts";
import type { Source } from "../../../builder/dockerfile/text/source.ts";
import type { BuildProgress, Vertex } from "./progress.ts";
import { positionsOf, sourceInfo } from "./source-info.ts";

export class StepProgress {
  readonly #progress: BuildProgress;
  readonly #onStepsDone: () => void;
  readonly #steps = new Map<number, Vertex>();
  #labels: readonly string[] = [];
  #open = 0;

  /** `onStepsDone` is called once the last step has ended: what follows is giving the result out. */
  constructor(progress: BuildProgress, onStepsDone: () => void) {
    this.#progress = progress;
    this.#onStepsDone = onStepsDone;
  }

  tell = (event: BuildEvent): void => {
    switch (event.kind) {
      case "planned":
        this.#labels = event.steps;
        this.#open = event.steps.length;
        this.#warn(event.findings, event.source);
        return;
      case "started": {
        const label = this.#labels[event.step] ?? "";
        // Instructions that only change the configuration are not numbered, and no step in BuildKit's eyes.
        if (!label.startsWith("[")) return;
        this.#steps.set(event.step, this.#progress.vertex(label, `step ${event.step}`).start());
        return;
      }
      case "output":
        this.#steps.get(event.step)?.log(event.stream, event.bytes);
        return;
      case "finished":
        this.#steps.get(event.step)?.finish({ cached: event.cached });
        this.#steps.delete(event.step);
        this.#open--;
        if (this.#open === 0) this.#onStepsDone();
        return;
    }
  };

  /** The steps that were under way end so; gives the first of them, which is likely the one that failed. */
  fail(error: string): Vertex | undefined {
    const [first] = this.#steps.values();
    for (const [number, vertex] of this.#steps) {
      vertex.finish({ error: number === this.#steps.keys().next().value ? error : "context canceled" });
    }
    this.#steps.clear();
    return first;
  }

  #warn(findings: readonly LintWarning[], source: Source): void {
    if (findings.length === 0) return;
    const title = `[internal] load build definition from ${source.name}`;
    const vertex = this.#progress.vertex(title, "definition");
    const info = sourceInfo(source);
    for (const { rule, description, url, message, range } of findings) {
      vertex.warn({
        level: 1,
        short: Buffer.from(`${rule}: ${message}`),
        detail: [Buffer.from(description)],
        url,
        info,
        ranges: [positionsOf(range)],
      });
    }
  }
}
