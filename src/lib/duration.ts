/** Durations as Go writes and reads them, and the rounded English that Docker's lists show. */
import { invalidArgument } from "./errors.ts";

const nanosecondsPer: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Reads `1h2m3.5s`, `300ms`, `0`; answers nanoseconds. Throws `invalidArgument` in Go's words. */
export function parseDuration(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  let rest = text.replace(/^[+-]/, "");
  if (rest === "0") return 0;
  if (rest === "") throw invalidArgument(`time: invalid duration ${JSON.stringify(text)}`);
  let total = 0;
  while (rest !== "") {
    const number = /^(\d+\.?\d*|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) throw invalidArgument(`time: invalid duration ${JSON.stringify(text)}`);
    rest = rest.slice(number.length);
    const unit = /^[^\d.]+/.exec(rest)?.[0];
    if (unit === undefined) throw invalidArgument(`time: missing unit in duration ${JSON.stringify(text)}`);
    const scale = nanosecondsPer[unit];
    if (scale === undefined) {
      throw invalidArgument(`time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    }
    rest = rest.slice(unit.length);
    total += Number(number) * scale;
  }
  return sign * Math.round(total);
}

/** Nanoseconds in Go's spelling: `1m30s`, `1.5ms`, `0s`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  const sign = nanoseconds < 0 ? "-" : "";
  const ns = Math.abs(nanoseconds);
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${trimmed(ns, 3)}µs`;
  if (ns < 1e9) return `${sign}${trimmed(ns, 6)}ms`;
  const whole = Math.floor(ns / 1e9);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const seconds = trimmed((whole % 60) * 1e9 + (ns % 1e9), 9);
  return `${sign}${hours ? `${hours}h` : ""}${whole >= 60 ? `${minutes}m` : ""}${seconds}s`;
}

function trimmed(value: number, decimals: number): string {
  const digits = String(value).padStart(decimals + 1, "0");
  const fraction = digits.slice(-decimals).replace(/0+$/, "");
  return digits.slice(0, -decimals) + (fraction ? `.${fraction}` : "");
}

/** A time span in the words of Docker's lists: `Less than a second`, `About an hour`, `3 weeks`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(milliseconds / 60_000);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(milliseconds / 3_600_000 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(milliseconds / 3_600_000 / 24 / 365)} years`;
}

/**
 * The `since`/`until` forms of logs and events (a Go duration before `now`, RFC 3339 in full or cut short, Unix seconds
 * with an optional fraction) as the API wants them: `seconds.nanoseconds`.
 */
export function parseTimestamp(text: string, now: Date): string {
  if (text === "") return "";
  if (/^-?\d+(\.\d{1,9})?$/.test(text)) return text;
  if (/^[+-]?[\d.]+[a-zµμ]/.test(text)) {
    return splitNanoseconds(BigInt(now.getTime()) * 1_000_000n - BigInt(ageOf(text)));
  }
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(
    text,
  );
  if (!match) throw noMoment(text);
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = ""] = match;
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  // JavaScript takes 31 February for 3 March.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (Number(month) < 1 || Number(month) > 12) throw outOfRange(text, "month");
  if (Number(day) < 1 || Number(day) > days) throw outOfRange(text, "day");
  if (Number.isNaN(date.getTime())) throw outOfRange(text, Number(hour) > 23 ? "hour" : "minute");
  return `${Math.trunc(date.getTime() / 1000)}.${fraction.padEnd(9, "0")}`;
}

function ageOf(text: string): number {
  try {
    const age = parseDuration(text);
    if (Math.abs(age) < 2 ** 63) return age;
  } catch {}
  throw noMoment(text);
}

const noMoment = (text: string): Error =>
  invalidArgument(`failed to parse value as time or duration: ${JSON.stringify(text)}`);

const outOfRange = (text: string, part: string): Error =>
  invalidArgument(`parsing time ${JSON.stringify(text)}: ${part} out of range`);

function splitNanoseconds(at: bigint): string {
  return `${at / 1_000_000_000n}.${String(at % 1_000_000_000n).padStart(9, "0")}`;
}
