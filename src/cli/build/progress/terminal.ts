/** Keeps a picture of a build at the bottom of a terminal: drawn over itself until it stays. */
import { LiveLines } from "../../live-lines.ts";
import type { Output } from "../../output.ts";
import type { Steps } from "./steps.ts";
import { drawFinal, drawLive, type Picture, type Screen } from "./tree.ts";

const hideCursor = "\x1b[?25l";
const showCursor = "\x1b[?25h";

export class TerminalPicture {
  readonly #output: Output;
  readonly #screen: () => Screen;
  readonly #lines: LiveLines;
  #isOpen = false;

  constructor(output: Output, screen: () => Screen) {
    this.#output = output;
    this.#screen = screen;
    this.#lines = new LiveLines(output, () => screen().columns);
  }

  draw(steps: Steps, picture: Picture): void {
    if (!this.#isOpen) this.#output.text(hideCursor);
    this.#isOpen = true;
    this.#lines.show(drawLive(steps, picture, this.#screen()));
  }

  /** Draws what stays, and gives the terminal back. */
  finish(steps: Steps, picture: Picture): void {
    this.#lines.show(drawFinal(steps, picture, this.#screen()));
    this.#lines.release();
    if (this.#isOpen) this.#output.text(showCursor);
    this.#isOpen = false;
  }
}
