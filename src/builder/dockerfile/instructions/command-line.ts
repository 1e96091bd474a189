import type { Statement } from "../syntax/statement.ts";
import { readFlags } from "./flags.ts";

/** What RUN, CMD and ENTRYPOINT run: words as they are, or one text for the shell. */
export interface CommandLine {
  readonly words: readonly string[];
  /** The words are for the shell. */
  readonly isShell: boolean;
}

export function commandLineOf({ words, isJson }: Statement): CommandLine {
  return { words: words.map(({ text }) => text), isShell: !isJson };
}

/** `CMD` and `ENTRYPOINT`. */
export interface Command<K extends "cmd" | "entrypoint"> {
  readonly kind: K;
  readonly statement: Statement;
  readonly command: CommandLine;
}

export function readCommandOf<K extends "cmd" | "entrypoint">(kind: K, statement: Statement): Command<K> {
  readFlags(statement, {});
  return { kind, statement, command: commandLineOf(statement) };
}
