/** Values of driver options, which are all texts. */
import { invalidArgument } from "../lib/errors.ts";

/** Undefined for an option that is not given, or empty. */
export function booleanOption(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined || text === "") return undefined;
  if (["1", "t", "true", "T", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "false", "F", "FALSE", "False"].includes(text)) return false;
  throw invalidArgument(
    `failed to parse ${name} value: ${text} (strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax)`,
  );
}

/** An MTU. */
export function numberOption(text: string | undefined, fallback: number): number {
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 68 || value > 65535)
    throw invalidArgument(`invalid MTU: ${JSON.stringify(text)}`);
  return value;
}
