/** Lines at the bottom of a terminal, drawn over themselves as they change; what else is printed goes above them. */
import type { Output } from "./output.ts";

export class LiveLines {
  readonly #output: Output;
  readonly #columns: () => number;
  #lines: readonly string[] = [];

  constructor(output: Output, columns: () => number) {
    this.#output = output;
    this.#columns = columns;
  }

  /** Puts these in the place of those that stand there. */
  show(lines: readonly string[]): void {
    const text = `${this.#up()}${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`;
    this.#lines = lines;
    this.#send(text);
  }

  /** Prints whole lines above them. */
  print(text: string): void {
    const up = this.#up();
    this.#send(up === "" ? text : `${up}\x1b[J${text}${this.#lines.map((line) => `${line}\n`).join("")}`);
  }

  /** They stay as they are from now on; what comes next stands below them. */
  release(): void {
    this.#lines = [];
  }

  /** To the first of the lines. A terminal that has become narrower has broken those that stood there. */
  #up(): string {
    const columns = Math.max(1, this.#columns());
    const rows = this.#lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(Bun.stringWidth(line) / columns)), 0);
    return rows === 0 ? "" : `\x1b[${rows}A\r`;
  }

  #send(text: string): void {
    this.#output.text(text);
    void this.#output.flush().catch(() => undefined);
  }
}
