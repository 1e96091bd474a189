/** The table that `up` and its kin keep on a terminal: one row for each thing, redrawn as they go on. */
import type { Phase } from "../../compose/progress.ts";
import { terminalSize } from "../../lib/terminal.ts";
import type { Cli } from "../cli.ts";
import type { Display } from "./progress-display.ts";

export interface Row {
  readonly thing: string;
  readonly status: string;
  readonly phase: Phase;
  /** Milliseconds of the clock. */
  readonly since: number;
  readonly until: number | null;
}

const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const colours: Record<Phase, string> = {
  working: "\x1b[34m",
  done: "\x1b[32m",
  failed: "\x1b[31m",
  warning: "\x1b[33m",
};
const framesPerSecond = 12;

export class LiveTable implements Display {
  readonly #cli: Cli;
  readonly #prefix: string;
  readonly #warn: (message: string) => void;
  readonly #rows = new Map<string, Row>();
  #timer: ReturnType<typeof setInterval> | null = null;
  #drawn = 0;

  constructor(cli: Cli, prefix: string, warn: (message: string) => void) {
    this.#cli = cli;
    this.#prefix = prefix;
    this.#warn = warn;
  }

  tell(thing: string, status: string, phase: Phase): void {
    const now = performance.now();
    const since = this.#rows.get(thing)?.since ?? now;
    this.#rows.set(thing, { thing, status, phase, since, until: phase === "working" ? null : now });
    this.#timer ??= setInterval(() => this.#draw(), 1000 / framesPerSecond);
  }

  warn(message: string): void {
    this.#erase();
    this.#warn(message);
    if (this.#rows.size > 0) this.#draw();
  }

  async end(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#rows.size > 0) this.#draw();
    this.#rows.clear();
    this.#drawn = 0;
    await this.#cli.stderr.flush();
  }

  #erase(): void {
    if (this.#drawn > 0) this.#cli.err(`\x1b[${this.#drawn}A\r\x1b[J`);
    this.#drawn = 0;
  }

  #draw(): void {
    const { columns, rows: height } = terminalSize() ?? { columns: 80, rows: 24 };
    const lines = tableLines([...this.#rows.values()], {
      columns,
      height,
      now: performance.now(),
      prefix: this.#prefix,
    });
    this.#erase();
    this.#cli.err(lines.map((line) => `${line}\n`).join(""));
    this.#drawn = lines.length;
    void this.#cli.stderr.flush();
  }
}

export interface TableOptions {
  readonly columns: number;
  readonly height: number;
  readonly now: number;
  readonly prefix: string;
}

/** The table as lines: what does not fit into the height gives way to those that are still going on. */
export function tableLines(rows: readonly Row[], { columns, height, now, prefix }: TableOptions): string[] {
  const done = rows.filter(({ phase }) => phase !== "working").length;
  const room = Math.max(1, height - 2);
  const shown = rows.length <= room ? rows : [...rows].sort(byPhase).slice(0, room);
  const width = Math.max(...shown.map(({ thing }) => Bun.stringWidth(thing)), 0);
  const statusWidth = Math.max(...shown.map(({ status }) => Bun.stringWidth(status)), 0);
  const head = `${prefix}[+] Running ${done}/${rows.length}`;
  const frame = spinner[Math.floor(now / 100) % spinner.length] ?? "";
  const lines = shown.map(({ thing, status, phase, since, until }) => {
    const mark = { working: frame, done: "✔", failed: "✘", warning: "!" }[phase];
    const seconds = `${(((until ?? now) - since) / 1000).toFixed(1)}s`;
    const text = ` ${mark} ${thing.padEnd(width)}  ${status.padEnd(statusWidth)}`;
    const room = columns - Bun.stringWidth(text) - 1;
    return `${colours[phase]}${text.slice(0, columns)}\x1b[0m${room >= seconds.length ? seconds.padStart(room) : ""}`;
  });
  return [head.slice(0, columns), ...lines];
}

const order: Record<Phase, number> = { failed: 0, working: 1, warning: 2, done: 3 };
const byPhase = (a: Row, b: Row): number => order[a.phase] - order[b.phase];
