/** What a build tells, as lines that people read: a step's number before each, so that several may go at once. */
import type { ProgressSink } from "../api/images.ts";
import type { BuildEvent } from "../builder/builder.ts";

/** Most bytes of a line without an end that are held back. */
const longestLine = 64 * 1024;

interface StepLog {
  readonly since: number;
  /** What came of a line that has not ended. */
  rest: string;
  readonly decoder: TextDecoder;
}

export class BuildLog {
  readonly #progress: ProgressSink;
  readonly #steps = new Map<number, StepLog>();
  /** Of steps that were told before the labels were known. */
  #labels: readonly string[] = [];

  constructor(progress: ProgressSink) {
    this.#progress = progress;
  }

  tell = (event: BuildEvent): void => {
    switch (event.kind) {
      case "planned":
        this.#labels = event.steps;
        for (const warning of event.warnings) this.#line(`WARN: ${warning}`);
        return;
      case "started":
        this.#steps.set(event.step, { since: performance.now(), rest: "", decoder: new TextDecoder() });
        this.#line(`#${event.step + 1} ${this.#labels[event.step] ?? ""}`);
        return;
      case "output":
        this.#output(event.step, event.bytes);
        return;
      case "finished":
        this.#finished(event.step, event.cached);
        return;
    }
  };

  #output(step: number, bytes: Uint8Array): void {
    const log = this.#steps.get(step);
    if (!log) return;
    const lines = (log.rest + log.decoder.decode(bytes, { stream: true })).split("\n");
    log.rest = lines.pop() ?? "";
    const time = this.#seconds(log);
    for (const line of lines) this.#line(`#${step + 1} ${time} ${line}`);
    if (log.rest.length < longestLine) return;
    this.#line(`#${step + 1} ${time} ${log.rest}`);
    log.rest = "";
  }

  #finished(step: number, cached: boolean): void {
    const log = this.#steps.get(step);
    if (!log) return;
    this.#flush(step, log);
    this.#line(cached ? `#${step + 1} CACHED` : `#${step + 1} DONE ${this.#seconds(log, 1)}s`);
    this.#steps.delete(step);
  }

  /** The last words of steps that did not come to their end. */
  failed(): void {
    for (const [step, log] of this.#steps) this.#flush(step, log);
    this.#steps.clear();
  }

  #flush(step: number, log: StepLog): void {
    if (log.rest !== "") this.#line(`#${step + 1} ${this.#seconds(log)} ${log.rest}`);
    log.rest = "";
  }

  #seconds({ since }: StepLog, digits = 3): string {
    return ((performance.now() - since) / 1000).toFixed(digits);
  }

  #line(text: string): void {
    this.#progress({ stream: `${text}\n` });
  }
}
