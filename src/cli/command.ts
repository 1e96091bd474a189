/** What a command is: data from which parsing, help, completion and the reference pages come, and a function. */
import type { Completion, Flags, FlagValues } from "../lib/flags.ts";
import type { Cli } from "./cli.ts";

/** What a command receives: its flags as typed values, and its arguments, already counted. */
export interface Input<F extends Flags> {
  readonly flags: FlagValues<F>;
  /** The long names of the flags that the user gave. */
  readonly changed: ReadonlySet<string>;
  readonly args: readonly string[];
}

export interface Command<F extends Flags = Flags> {
  /** One line, without a full stop. */
  readonly summary: string;
  /** The arguments as usage lines show them, `CONTAINER [CONTAINER...]`; "" for none. */
  readonly usage: string;
  readonly args: { readonly min: number; readonly max?: number };
  readonly flags: F;
  /** False when what follows the first argument belongs to someone else (`run IMAGE ls -l`). */
  readonly interspersed?: boolean;
  /** What completion offers for the arguments: for each, or by their places, null being files and nothing what comes after. */
  readonly complete?: Completion | { readonly byPlace: readonly (Completion | null)[] };
  /** Long-form paragraphs that help shows under the usage line. */
  readonly details?: string;
  readonly hidden?: boolean;
  /** True when flags are not parsed at all. */
  readonly raw?: boolean;
  /** Does the work; the number is the exit code, nothing means 0. */
  run(cli: Cli, input: Input<F>): Promise<number>;
}

/** Types a command's `run` by its own table of flags. */
export function defineCommand<F extends Flags>(definition: Command<F>): Command<F> {
  return definition;
}

/** Ends the command with an exit code; an empty message prints nothing. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  readonly code: number;

  constructor(code: number, message = "") {
    super(message);
    this.code = code;
  }
}
