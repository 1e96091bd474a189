/** The keys of an `up` in the foreground, and the line at the screen's end that names them. */
import { messageOf } from "../../lib/errors.ts";
import { isTerminal, openRawInput, type RawInput } from "../../lib/terminal.ts";
import type { Display } from "./progress-display.ts";

export interface MenuActions {
  /** Watching begins or ends; answers whether it goes on now. Throws where no service can be watched. */
  toggleWatch(): boolean;
  detach(): void;
  /** Ctrl-C, which the terminal does not turn into a signal meanwhile. */
  interrupt(): void;
}

const key = (name: string, what: string): string => `\x1b[1;7m ${name} \x1b[0m\x1b[2m ${what}\x1b[0m`;

/** True where a menu can be shown: every stream is the terminal. */
export const canShowMenu = (display: Display): boolean =>
  display.footer !== undefined && isTerminal(0) && isTerminal(1) && isTerminal(2);

export class UpMenu implements Disposable {
  readonly #display: Display;
  readonly #actions: MenuActions;
  readonly #input: RawInput;
  #watching: boolean;

  constructor(display: Display, watching: boolean, actions: MenuActions) {
    this.#display = display;
    this.#actions = actions;
    this.#watching = watching;
    this.#input = openRawInput({ lineEnds: true });
    void this.#read();
    this.#draw();
  }

  #draw(): void {
    const watch = this.#watching ? "Disable Watch" : "Enable Watch";
    this.#display.footer?.([`${key("w", watch)}   ${key("d", "Detach")}`]);
  }

  async #read(): Promise<void> {
    for await (const bytes of this.#input.keys) for (const byte of bytes) this.#press(String.fromCharCode(byte));
  }

  #press(pressed: string): void {
    if (pressed === "\x03") this.#actions.interrupt();
    else if (pressed === "d") this.#actions.detach();
    else if (pressed === "w") this.#toggle();
  }

  #toggle(): void {
    try {
      this.#watching = this.#actions.toggleWatch();
    } catch (error) {
      this.#display.warn(messageOf(error));
    }
    this.#draw();
  }

  /** Takes the line away and gives the keys back to the terminal. */
  [Symbol.dispose](): void {
    this.#display.footer?.([]);
    this.#input.restore();
  }
}
