/** The table that `up` and its kin keep on a terminal: one row for each thing, redrawn as they go on. */
import type { ProgressMessage } from "../../api/images.ts";
import type { Phase } from "../../compose/progress.ts";
import { isTerminal, sizeOf } from "../../lib/terminal.ts";
import { humanSize } from "../../lib/units.ts";
import type { Cli } from "../cli.ts";
import { LiveLines } from "../live-lines.ts";
import type { Output } from "../output.ts";
import type { Display } from "./progress-display.ts";
import { warningLine } from "./warning-line.ts";

export interface Row {
  readonly thing: string;
  readonly status: string;
  /** How far it is, behind the status. */
  readonly detail?: string;
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
  readonly #lines: LiveLines;
  readonly #rows = new Map<string, Row>();
  #timer: ReturnType<typeof setInterval> | null = null;
  #footer: readonly string[] = [];

  constructor(cli: Cli, prefix: string) {
    this.#cli = cli;
    this.#prefix = prefix;
    this.#lines = new LiveLines(cli.stderr, () => size().columns);
  }

  tell(thing: string, status: string, phase: Phase): void {
    const now = performance.now();
    const since = this.#rows.get(thing)?.since ?? now;
    this.#rows.set(thing, { thing, status, phase, since, until: phase === "working" ? null : now });
    this.#timer ??= setInterval(() => this.#draw(), 1000 / framesPerSecond);
  }

  warn(message: string): void {
    this.#lines.print(warningLine(message));
  }

  print(output: Output, text: string): void {
    // What goes to the same screen has to go the same way, or the two would draw over each other.
    if (output === this.#cli.stderr || isTerminal(1)) {
      this.#lines.print(text);
      return;
    }
    output.text(text);
    void output.flush().catch(() => undefined);
  }

  transfer(thing: string): (message: ProgressMessage) => void {
    const layers = new Map<string, { current: number; total: number }>();
    return ({ id = "", progressDetail }) => {
      const row = this.#rows.get(thing);
      const { current = 0, total = 0 } = progressDetail ?? {};
      if (!row || id === "") return;
      const known = layers.get(id);
      // What tells no size is a layer that is done, or has not begun.
      if (total > 0) layers.set(id, { current, total });
      else if (known) layers.set(id, { ...known, current: known.total });
      const sum = (of: "current" | "total") => humanSize(layers.values().reduce((all, layer) => all + layer[of], 0));
      if (layers.size > 0) this.#rows.set(thing, { ...row, detail: `${sum("current")}/${sum("total")}` });
    };
  }

  footer(lines: readonly string[]): void {
    this.#footer = lines;
    this.#draw();
  }

  async end(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#rows.size > 0) {
      this.#lines.show(this.#table());
      this.#lines.release();
      this.#rows.clear();
      if (this.#footer.length > 0) this.#draw();
    }
    await this.#cli.stderr.flush();
  }

  #table(): string[] {
    if (this.#rows.size === 0) return [];
    const { columns, rows: height } = size();
    return tableLines([...this.#rows.values()], {
      columns,
      height: height - this.#footer.length,
      now: performance.now(),
      prefix: this.#prefix,
    });
  }

  #draw(): void {
    this.#lines.show([...this.#table(), ...this.#footer]);
  }
}

/** Of the terminal that the table stands on. */
const size = (): { rows: number; columns: number } => sizeOf(2) ?? { columns: 80, rows: 24 };

export interface TableOptions {
  readonly columns: number;
  readonly height: number;
  readonly now: number;
  readonly prefix: string;
}

/** The table as lines: what does not fit into the height gives way to those that are still going on. */
export function tableLines(rows: readonly Row[], { columns: all, height, now, prefix }: TableOptions): string[] {
  // The last column stays free: a terminal that has written there is about to break the line.
  const columns = Math.max(1, all - 1);
  const done = rows.filter(({ phase }) => phase !== "working").length;
  const room = Math.max(1, height - 2);
  const shown = rows.length <= room ? rows : [...rows].sort(byPhase).slice(0, room);
  const width = Math.max(...shown.map(({ thing }) => Bun.stringWidth(thing)), 0);
  const told = ({ status, detail }: Row): string => (detail ? `${status} ${detail}` : status);
  const statusWidth = Math.max(...shown.map((row) => Bun.stringWidth(told(row))), 0);
  const head = `${prefix}[+] Running ${done}/${rows.length}`;
  const frame = spinner[Math.floor(now / 100) % spinner.length] ?? "";
  const lines = shown.map((row) => {
    const { thing, phase, since, until } = row;
    const mark = { working: frame, done: "✔", failed: "✘", warning: "!" }[phase];
    const seconds = `${(((until ?? now) - since) / 1000).toFixed(1)}s`;
    const text = ` ${mark} ${thing.padEnd(width)}  ${told(row).padEnd(statusWidth)}`;
    const room = columns - Bun.stringWidth(text) - 1;
    return `${colours[phase]}${text.slice(0, columns)}\x1b[0m${room >= seconds.length ? seconds.padStart(room) : ""}`;
  });
  return [head.slice(0, columns), ...lines];
}

const order: Record<Phase, number> = { failed: 0, working: 1, warning: 2, done: 3 };
const byPhase = (a: Row, b: Row): number => order[a.phase] - order[b.phase];
