/**
 * Progress as plain lines, in the form that BuildKit's clients gave them: `#N name`, `#N 0.240 output`, `#N DONE 0.3s`. One
 * step has the floor; the others' lines wait until it is done or has had it for a while.
 */
import type { Nanoseconds, VertexStatus } from "../../../client/buildkit/status.ts";
import { statusText } from "./status-text.ts";
import type { Change, LogLine, Step } from "./steps.ts";

/** How long a step keeps the floor while others have something to say, in nanoseconds. */
const longestTurn = 1_000_000_000n;
/** How often a status that goes on is told of. */
const statusEvery = 5_000_000_000n;

export class PlainProgress {
  readonly #write: (text: string) => void;
  readonly #waiting = new Map<Step, string[]>();
  readonly #toldStatus = new Map<string, { at: Nanoseconds; done: boolean }>();
  readonly #toldEnd = new Set<Step>();
  #holder: Step | null = null;
  #since: Nanoseconds = 0n;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Takes in what changed; nothing is written before {@link turn}. */
  add({ steps, statuses, lines }: Change, now: Nanoseconds): void {
    for (const step of steps) {
      if (step.isRunning) this.#toldEnd.delete(step);
      if (step.number > 0) this.#of(step);
    }
    for (const { step, status } of statuses) this.#addStatus(step, status, now);
    for (const { step, line } of lines) this.#of(step).push(outputLine(step, line));
  }

  /** Writes what may be written now; `last` when nothing more will come. */
  turn(now: Nanoseconds, last = false): void {
    for (;;) {
      const holder = this.#holder ?? this.#next(now);
      if (!holder) return;
      this.#flush(holder);
      if (holder.isDone || last) this.#end(holder, now);
      else if (this.#waiting.size > 1 && now - this.#since > longestTurn) this.#yield(holder);
      else return;
    }
  }

  #of(step: Step): string[] {
    const lines = this.#waiting.get(step) ?? [];
    this.#waiting.set(step, lines);
    return lines;
  }

  #addStatus(step: Step, status: VertexStatus, now: Nanoseconds): void {
    const key = `${step.digest} ${status.id}`;
    const told = this.#toldStatus.get(key) ?? { at: status.started ?? now, done: false };
    const isDone = status.completed !== null;
    if (told.done || (!isDone && now - told.at < statusEvery)) return;
    this.#toldStatus.set(key, { at: now, done: isDone });
    this.#of(step).push(`#${step.number} ${statusText(status, now)}\n`);
  }

  /** Gives the floor to the step that has waited longest. */
  #next(now: Nanoseconds): Step | null {
    for (const [step, lines] of this.#waiting) {
      if (lines.length === 0 && this.#toldEnd.has(step)) {
        this.#waiting.delete(step);
        continue;
      }
      this.#holder = step;
      this.#since = now;
      this.#write(`\n#${step.number} ${step.name}\n`);
      return step;
    }
    return null;
  }

  #flush(step: Step): void {
    const lines = this.#of(step);
    if (lines.length > 0) this.#write(lines.splice(0).join(""));
  }

  #end(step: Step, now: Nanoseconds): void {
    for (const line of step.lastWords()) this.#write(outputLine(step, line));
    if (step.isDone) this.#write(`#${step.number} ${endText(step, now)}\n`);
    this.#toldEnd.add(step);
    this.#waiting.delete(step);
    this.#holder = null;
  }

  #yield(step: Step): void {
    this.#write(`#${step.number} ...\n`);
    // Behind the others.
    this.#waiting.delete(step);
    this.#of(step);
    this.#holder = null;
  }
}

function outputLine(step: Step, { text, at }: LogLine): string {
  const first = step.firstStart;
  const seconds = at === null || first === null ? "" : `${(Number(at - first) / 1e9).toFixed(3)} `;
  return `#${step.number} ${seconds}${text}\n`;
}

function endText(step: Step, now: Nanoseconds): string {
  if (step.isCancelled) return "CANCELED";
  if (step.error !== "") return `ERROR: ${step.error}`;
  return step.cached ? "CACHED" : `DONE ${step.seconds(now).toFixed(1)}s`;
}
