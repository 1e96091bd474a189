/** How a plan's progress is shown on standard error: a live table on a terminal, lines elsewhere, JSON when asked. */
import type { ProgressMessage } from "../../api/images.ts";
import type { Progress } from "../../compose/progress.ts";
import { isTerminal } from "../../lib/terminal.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import type { Output } from "../output.ts";
import type { ComposeFlags } from "./globals.ts";
import { LiveTable } from "./live-table.ts";
import { warningLine } from "./warning-line.ts";

export interface Display extends Progress {
  /** Prints whole lines on standard output or error, at once and above whatever stands at the screen's end. */
  print(output: Output, text: string): void;
  /** Takes what a pull or push tells of its layers while `thing` goes on; absent where it is not shown. */
  transfer?(thing: string): (message: ProgressMessage) => void;
  /** Keeps these lines at the screen's end; absent where there is none. */
  footer?(lines: readonly string[]): void;
  /** The last state is on the screen, and nothing moves any more. */
  end(): Promise<void>;
}

/** What `--progress` or COMPOSE_PROGRESS says. */
export const progressKind = ({ progress }: Pick<ComposeFlags, "progress">): string =>
  progress === "auto" ? process.env.COMPOSE_PROGRESS || "auto" : progress;

export function openDisplay(cli: Cli, flags: ComposeFlags, dry: boolean): Display {
  const kind = progressKind(flags);
  const prefix = dry ? " DRY-RUN MODE - " : "";
  const warn = (message: string): void => cli.err(warningLine(message));
  switch (kind) {
    case "quiet":
      return { tell: () => {}, warn, print, end: async () => {} };
    case "json":
      return jsonLines(cli, dry);
    case "plain":
      return plainLines(cli, prefix, warn);
    case "auto":
      return flags.ansi !== "never" && (isTerminal(2) || flags.ansi === "always")
        ? new LiveTable(cli, prefix)
        : plainLines(cli, prefix, warn);
    case "tty":
      return new LiveTable(cli, prefix);
    default:
      throw new ExitError(1, `unsupported --progress value ${JSON.stringify(kind)}`);
  }
}

function print(output: Output, text: string): void {
  output.text(text);
  void output.flush().catch(() => undefined);
}

function plainLines(cli: Cli, prefix: string, warn: (message: string) => void): Display {
  return {
    tell(thing, status) {
      cli.err(`${prefix} ${thing}  ${status}\n`);
      void cli.stderr.flush();
    },
    warn,
    print,
    end: () => cli.stderr.flush(),
  };
}

function jsonLines(cli: Cli, dry: boolean): Display {
  const line = (value: object): void => {
    cli.err(`${JSON.stringify({ ...(dry && { "dry-run": true }), ...value })}\n`);
    void cli.stderr.flush();
  };
  return {
    tell: (id, status) => line({ id, status }),
    warn: (msg) => line({ level: "warning", msg, time: new Date().toISOString().replace(/\.\d+/, "") }),
    print,
    end: () => cli.stderr.flush(),
  };
}
