/** What BuildKit says of wrong numbers of arguments, and of values that Go's parsers refuse. */
import { invalidArgument, isKind, messageOf } from "../../../lib/errors.ts";

export const needsOne = (instruction: string): Error =>
  invalidArgument(`${instruction} requires at least one argument`);
export const needsExactlyOne = (instruction: string): Error =>
  invalidArgument(`${instruction} requires exactly one argument`);
export const isBlankName = (instruction: string): Error => invalidArgument(`${instruction} names can not be blank`);

/** Runs one of lib's readers of values, whose refusals are plain errors, and refuses in its words, or in `words` instead. */
export function reading<T>(read: () => T, words?: string): T {
  try {
    return read();
  } catch (error) {
    if (words === undefined && isKind(error, "invalidArgument")) throw error;
    throw invalidArgument(words ?? messageOf(error), { cause: error });
  }
}
