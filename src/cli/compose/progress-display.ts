/** How a plan's progress is shown on standard error: a live table on a terminal, lines elsewhere, JSON when asked. */
import type { Phase, Progress } from "../../compose/progress.ts";
import { isTerminal } from "../../lib/terminal.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import type { ComposeFlags } from "./globals.ts";
import { LiveTable } from "./live-table.ts";

export interface Display extends Progress {
  /** The last state is on the screen, and nothing moves any more. */
  end(): Promise<void>;
}

export function openDisplay(cli: Cli, flags: ComposeFlags, dry: boolean): Display {
  const kind = flags.progress === "auto" ? (process.env.COMPOSE_PROGRESS ?? "auto") : flags.progress;
  const prefix = dry ? "DRY-RUN MODE - " : "";
  const warn = (message: string): void =>
    cli.err(
      `time=${JSON.stringify(new Date().toISOString().replace(/\.\d+/, ""))} level=warning msg=${JSON.stringify(message)}\n`,
    );
  switch (kind) {
    case "quiet":
      return { tell: () => {}, warn, end: async () => {} };
    case "json":
      return jsonLines(cli, dry);
    case "plain":
      return plainLines(cli, prefix, warn);
    case "auto":
      return isTerminal(2) && flags.ansi !== "never" ? new LiveTable(cli, prefix, warn) : plainLines(cli, prefix, warn);
    case "tty":
      return new LiveTable(cli, prefix, warn);
    default:
      throw new ExitError(1, `unsupported --progress value ${JSON.stringify(kind)}`);
  }
}

function plainLines(cli: Cli, prefix: string, warn: (message: string) => void): Display {
  return {
    tell(thing, status) {
      cli.err(`${prefix} ${thing}  ${status}\n`);
      void cli.stderr.flush();
    },
    warn,
    end: () => cli.stderr.flush(),
  };
}

function jsonLines(cli: Cli, dry: boolean): Display {
  const statuses: Record<Phase, string> = { working: "Working", done: "Done", failed: "Error", warning: "Warning" };
  const line = (value: object): void => {
    cli.err(`${JSON.stringify({ ...(dry && { "dry-run": true }), ...value })}\n`);
    void cli.stderr.flush();
  };
  return {
    tell: (id, text, phase) => line({ id, status: statuses[phase], text }),
    warn: (text) => line({ level: "warning", message: text }),
    end: () => cli.stderr.flush(),
  };
}
