import { wallClockNanoseconds } from "../lib/clock.ts";

/** RFC 3339 in UTC with as many of nine decimals as are needed, as Go's RFC3339Nano writes it. */
export function formatTime(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const fraction = (nanoseconds % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  return fraction ? `${whole}.${fraction}Z` : `${whole}Z`;
}

/** Now, as {@link formatTime} writes it. */
export function timestamp(): string {
  return formatTime(wallClockNanoseconds());
}

/** Nanoseconds since the epoch of an RFC 3339 time, or of seconds with up to nine decimals; undefined when neither. */
export function parseTime(text: string): bigint | undefined {
  const seconds = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (seconds) return BigInt(seconds[1] ?? 0) * 1_000_000_000n + BigInt((seconds[2] ?? "").padEnd(9, "0"));
  const time = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!time) return undefined;
  const milliseconds = Date.parse(`${time[1]}${time[3]}`);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt((time[2] ?? "").padEnd(9, "0"));
}
