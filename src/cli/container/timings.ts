/** `run --timings`: where the time of one run goes, on this side and in the daemon. */
import type { Cli } from "../cli.ts";

/** One step, in milliseconds; `depth` 0 is the client's, what lies deeper is part of the step above it. */
export interface Step {
  readonly name: string;
  readonly ms: number;
  readonly depth: number;
}

/** Asks the daemon to tell its steps; a daemon that does not know it says nothing. */
export const timingsHeader = { "Dhow-Timings": "1" };

/** The daemon's steps from its `Server-Timing` header (https://www.w3.org/TR/server-timing/), the whole first. */
export function stepsOf(headers: ReadonlyMap<string, string>): Step[] {
  const steps = (headers.get("server-timing") ?? "").split(",").flatMap((text): Step[] => {
    const match = /^\s*([\w.-]+)\s*;\s*dur=([\d.]+)/.exec(text);
    if (!match) return [];
    const [, name = "", ms = ""] = match;
    return [name === "total" ? { name: "daemon", ms: Number(ms), depth: 1 } : { name, ms: Number(ms), depth: 2 }];
  });
  return steps.sort((a, b) => a.depth - b.depth);
}

/** Measures the client's own steps one after the other. */
export class StepClock {
  readonly steps: Step[] = [];
  #since = performance.now();

  /** Ends the step that has run since the last call. */
  end(name: string, inside: readonly Step[] = []): void {
    const now = performance.now();
    this.steps.push({ name, ms: now - this.#since, depth: 0 }, ...inside);
    this.#since = now;
  }

  /** Prints all steps and their sum to standard error. */
  print(cli: Cli): void {
    const total = this.steps.filter(({ depth }) => depth === 0).reduce((sum, { ms }) => sum + ms, 0);
    const rows = [...this.steps, { name: "total", ms: total, depth: 0 }].map(({ name, ms, depth }) => ({
      label: `${"  ".repeat(depth)}${name}`,
      ms,
    }));
    const width = Math.max(...rows.map(({ label }) => label.length)) + 2;
    for (const { label, ms } of rows) cli.err(`${label.padEnd(width)}${ms.toFixed(2).padStart(9)} ms\n`);
  }
}
