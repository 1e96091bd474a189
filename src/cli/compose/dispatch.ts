/** `compose [OPTIONS] COMMAND`: the flags before the command are compose's own, and hold for whichever it is. */
import { HelpRequest, parseFlags, UsageError } from "../../lib/flags.ts";
import type { Cli } from "../cli.ts";
import { composeFlags } from "./globals.ts";

/** The words with those flags taken out and kept in `cli.compose`; an exit code when they make no sense. */
export function composeWords(cli: Cli, words: readonly string[]): string[] | number {
  try {
    const { flags, changed, args } = parseFlags(composeFlags, words.slice(1), false);
    cli.compose = { ...flags, ansi: changed.has("ansi") ? flags.ansi : process.env.COMPOSE_ANSI || flags.ansi };
    cli.composeChanged = changed;
    return ["compose", ...args];
  } catch (error) {
    if (error instanceof HelpRequest) return ["compose", "--help"];
    if (!(error instanceof UsageError)) throw error;
    const full = `${cli.name} compose`;
    cli.err(`${error.message}\n\nUsage:  ${full} [OPTIONS] COMMAND\n\nRun '${full} --help' for more information\n`);
    return 1;
  }
}
