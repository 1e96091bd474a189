/** The `until` filter of prunes and lists. */
import { parseTimestamp } from "./duration.ts";
import { invalidArgument } from "./errors.ts";

/** Nanoseconds since the epoch of a date, Unix seconds or a Go duration before now; undefined when there is no filter. */
export function parseUntil(values: readonly string[] | undefined, now = new Date()): bigint | undefined {
  const [text, ...others] = values ?? [];
  if (text === undefined) return undefined;
  if (others.length > 0) throw invalidArgument("more than one until filter specified");
  if (text === "") throw invalidArgument('failed to parse value as time or duration: ""');
  const [seconds = "0", fraction = ""] = parseTimestamp(text, now).split(".");
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"));
}
