/** Lines of several containers on one output, each behind its container's name. */
import type { Cli } from "../cli.ts";
import type { Output } from "../output.ts";
import type { Display } from "./progress-display.ts";

export interface LogPrinterOptions {
  readonly colours: boolean;
  readonly prefix: boolean;
}

const palette = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** A container's output while it comes: whole lines are printed, what is left of one waits. */
export interface LineSink {
  readonly out: Output;
  readonly err: Output;
  /** Prints what has no line end. */
  end(): void;
}

export class LogPrinter {
  readonly #cli: Cli;
  readonly #display: Display;
  readonly #options: LogPrinterOptions;
  readonly #colours = new Map<string, number>();
  #width = 0;

  constructor(cli: Cli, display: Display, options: LogPrinterOptions) {
    this.#cli = cli;
    this.#display = display;
    this.#options = options;
  }

  /** Makes the column wide enough for this name. */
  register(name: string): void {
    this.#width = Math.max(this.#width, Bun.stringWidth(name));
    if (!this.#colours.has(name)) this.#colours.set(name, palette[this.#colours.size % palette.length] ?? 0);
  }

  sink(name: string): LineSink {
    this.register(name);
    const out = new Lines((line) => this.#print(this.#cli.stdout, name, line));
    const err = new Lines((line) => this.#print(this.#cli.stderr, name, line));
    return {
      out,
      err,
      end() {
        out.rest();
        err.rest();
      },
    };
  }

  /** A line that is the tool's own. */
  status(text: string): void {
    this.#display.print(this.#cli.stdout, `${text}\n`);
  }

  #print(output: Output, name: string, line: string): void {
    this.#display.print(output, `${this.#head(name)}${line}\n`);
  }

  #head(name: string): string {
    if (!this.#options.prefix) return "";
    const text = `${name.padEnd(this.#width)}  | `;
    return this.#options.colours ? `\x1b[${this.#colours.get(name)}m${text}\x1b[0m` : text;
  }
}

/** An output that cuts bytes into lines. */
class Lines implements Output {
  readonly #print: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  text(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#print(line.replace(/\r$/, ""));
  }

  async bytes(bytes: Uint8Array): Promise<void> {
    this.text(this.#decoder.decode(bytes, { stream: true }));
  }

  async flush(): Promise<void> {}

  rest(): void {
    if (this.#rest !== "") this.#print(this.#rest);
    this.#rest = "";
  }
}

/** A container's name as logs show it: without the project's, unless it has one of its own. */
export function shortName(project: string, name: string): string {
  return name.startsWith(`${project}-`) ? name.slice(project.length + 1) : name;
}
