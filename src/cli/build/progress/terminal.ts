/** Keeps a picture of a build at the bottom of a terminal: drawn over itself until it stays. */
import type { Output } from "../../output.ts";
import type { Steps } from "./steps.ts";
import { drawFinal, drawLive, type Picture, type Screen } from "./tree.ts";

const hideCursor = "\x1b[?25l";
const showCursor = "\x1b[?25h";

export class TerminalPicture {
  readonly #output: Output;
  readonly #screen: () => Screen;
  /** Widths of the lines that stand there now. */
  #drawn: number[] = [];
  #isOpen = false;

  constructor(output: Output, screen: () => Screen) {
    this.#output = output;
    this.#screen = screen;
  }

  draw(steps: Steps, picture: Picture): void {
    const screen = this.#screen();
    const start = this.#isOpen ? "" : hideCursor;
    this.#isOpen = true;
    this.#put(start, drawLive(steps, picture, screen), screen);
  }

  /** Draws what stays, and gives the terminal back. */
  finish(steps: Steps, picture: Picture): void {
    const screen = this.#screen();
    this.#put("", drawFinal(steps, picture, screen), screen);
    this.#output.text(this.#isOpen ? showCursor : "");
    this.#isOpen = false;
    this.#drawn = [];
  }

  #put(start: string, lines: readonly string[], { columns }: Screen): void {
    // A terminal that has become narrower has broken the lines that stood there.
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / Math.max(1, columns))), 0);
    const up = rows === 0 ? "" : `\x1b[${rows}A`;
    this.#output.text(`${start}${up}\r${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
    this.#drawn = lines.map((line) => Bun.stringWidth(line));
    void this.#output.flush().catch(() => undefined);
  }
}
