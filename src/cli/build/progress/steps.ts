/** The state of a build as its status stream tells it: steps in the order in which they were told of. Pure. */
import type { BuildStatus, Nanoseconds, VertexStatus, VertexWarning } from "../../../client/buildkit/status.ts";

/** A time during which a step ran; open while it runs. */
interface Interval {
  readonly started: Nanoseconds;
  completed: Nanoseconds | null;
}

/** One line of a step's output. */
export interface LogLine {
  readonly text: string;
  readonly at: Nanoseconds | null;
}

const mostLines = 1000;

export class Step {
  readonly digest: string;
  /** Counted from 1, in the order in which steps begin. */
  number = 0;
  name: string;
  cached = false;
  error = "";
  readonly statuses = new Map<string, VertexStatus>();
  /** The last lines of output. */
  readonly log: LogLine[] = [];
  readonly #intervals: Interval[] = [];
  readonly #rests = new Map<number, string>();
  readonly #decoders = new Map<number, TextDecoder>();

  constructor(digest: string, name: string) {
    this.digest = digest;
    this.name = name;
  }

  get isStarted(): boolean {
    return this.#intervals.length > 0;
  }

  get isRunning(): boolean {
    return this.#intervals.some(({ completed }) => completed === null);
  }

  get isDone(): boolean {
    return this.isStarted && !this.isRunning;
  }

  get isCancelled(): boolean {
    return /(^|: )context canceled$/.test(this.error);
  }

  get firstStart(): Nanoseconds | null {
    return this.#intervals[0]?.started ?? null;
  }

  /** Seconds in which it ran, up to `now` where it still does. */
  seconds(now: Nanoseconds): number {
    let spent = 0n;
    for (const { started, completed } of this.#intervals) spent += (completed ?? now) - started;
    return Number(spent < 0n ? 0n : spent) / 1e9;
  }

  ran(started: Nanoseconds, completed: Nanoseconds | null): void {
    const known = this.#intervals.find((each) => each.started === started);
    if (known) known.completed ??= completed;
    else this.#intervals.push({ started, completed });
  }

  /** Whole lines that came with a piece of output; what is behind the last line end waits for the rest of it. */
  wrote(stream: number, data: Uint8Array, at: Nanoseconds | null): readonly LogLine[] {
    const decoder = this.#decoders.get(stream) ?? new TextDecoder();
    this.#decoders.set(stream, decoder);
    const lines = ((this.#rests.get(stream) ?? "") + decoder.decode(data, { stream: true })).split("\n");
    this.#rests.set(stream, lines.pop() ?? "");
    return this.#keep(lines.map((text) => ({ text: text.replace(/\r$/, ""), at })));
  }

  /** What was written without a line end, once nothing more comes. */
  lastWords(): readonly LogLine[] {
    const rests = [...this.#rests.values()].filter((text) => text !== "");
    this.#rests.clear();
    return this.#keep(rests.map((text) => ({ text, at: null })));
  }

  /** The line that is being written. */
  get unfinishedLine(): string {
    return [...this.#rests.values()].find((text) => text !== "") ?? "";
  }

  #keep(lines: readonly LogLine[]): readonly LogLine[] {
    this.log.push(...lines);
    if (this.log.length > mostLines) this.log.splice(0, this.log.length - mostLines);
    return lines;
  }
}

/** What one message of the stream changed. */
export interface Change {
  readonly steps: readonly Step[];
  readonly statuses: readonly { readonly step: Step; readonly status: VertexStatus }[];
  readonly lines: readonly { readonly step: Step; readonly line: LogLine }[];
}

export class Steps {
  readonly #steps = new Map<string, Step>();
  readonly warnings: VertexWarning[] = [];
  #started = 0;

  get all(): readonly Step[] {
    return [...this.#steps.values()];
  }

  /** Those that have begun, in the order of their numbers. */
  get begun(): readonly Step[] {
    return this.all.filter(({ number }) => number > 0).sort((a, b) => a.number - b.number);
  }

  get doneCount(): number {
    return this.all.filter(({ isDone }) => isDone).length;
  }

  apply(status: BuildStatus): Change {
    const steps: Step[] = [];
    for (const vertex of status.vertexes) {
      const step = this.#steps.get(vertex.digest) ?? new Step(vertex.digest, vertex.name);
      this.#steps.set(vertex.digest, step);
      step.name = vertex.name || step.name;
      step.cached ||= vertex.cached;
      step.error = vertex.error || step.error;
      if (vertex.started !== null) step.ran(vertex.started, vertex.completed);
      if (step.number === 0 && step.isStarted) step.number = ++this.#started;
      if (!steps.includes(step)) steps.push(step);
    }
    const statuses = status.statuses.flatMap((each) => {
      const step = this.#steps.get(each.vertex);
      step?.statuses.set(each.id, each);
      return step ? [{ step, status: each }] : [];
    });
    const lines = status.logs.flatMap(({ vertex, stream, data, timestamp }) => {
      const step = this.#steps.get(vertex);
      return step?.wrote(stream, data, timestamp).map((line) => ({ step, line })) ?? [];
    });
    this.warnings.push(...status.warnings);
    return { steps, statuses, lines };
  }
}
