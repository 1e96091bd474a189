/** Moments as clients give them in `since` and `until`. */
import { invalidArgument, systemError } from "../lib/errors.ts";

/**
 * Unix nanoseconds of `seconds[.fraction]`; undefined when `text` is empty. Clients turn dates and durations into this form
 * themselves. Throws as dockerd does: `system` for a bad number.
 */
export function parseTimestamp(text: string): bigint | undefined {
  if (text === "") return undefined;
  const [seconds = "", fraction = "", ...rest] = text.split(".");
  if (rest.length > 0 || !/^-?\d{1,19}$/.test(seconds)) throw badNumber(seconds);
  if (!/^\d*$/.test(fraction)) throw badNumber(fraction);
  const nanoseconds = BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  const value = BigInt(seconds) * 1_000_000_000n + nanoseconds;
  if (BigInt.asIntN(64, value) !== value) throw invalidArgument(`timestamp is out of range: ${text}`);
  return value;
}

function badNumber(text: string): Error {
  return systemError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}
