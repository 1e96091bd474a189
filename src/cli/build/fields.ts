/** `key=value,key=value`, as outputs, caches, secrets and attestations are written. */
import { messageOf } from "../../lib/errors.ts";
import { splitCsv, splitPair } from "../../lib/flags.ts";
import { ExitError } from "../command.ts";

/** A line of comma-separated values; exits with `what` and the reason where it is none. */
export function csvOf(text: string, what: string): string[] {
  try {
    return splitCsv(text);
  } catch (error) {
    throw new ExitError(1, `${what}: ${messageOf(error)}`);
  }
}

/** Fields by name, names in lower case; a later one wins. Exits for one without `=`. */
export function fieldsOf(text: string, what: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of csvOf(text, `invalid ${what} ${JSON.stringify(text)}`)) {
    if (!field.includes("=")) throw new ExitError(1, `invalid field '${field}' must be a key=value pair`);
    const [name, value] = splitPair(field);
    fields.set(name.trim().toLowerCase(), value);
  }
  return fields;
}

/** A switch among fields; exits for what is none. */
export function switchOf(value: string, name: string, what: string): boolean {
  if (/^(1|t|true|T|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|false|F|FALSE|False)$/.test(value)) return false;
  throw new ExitError(1, `invalid ${what}: ${name}=${value} is neither true nor false`);
}
