/** Times of log entries: RFC 3339 with nanoseconds, trailing zeros dropped, as Go prints them. */

const billion = 1_000_000_000n;
let cachedSecond = -1n;
let cachedText = "";

/** Nanoseconds since the epoch as `2026-01-02T03:04:05.678901234Z`. */
export function formatNanoseconds(at: bigint): string {
  const second = at / billion;
  if (second !== cachedSecond) {
    cachedSecond = second;
    cachedText = new Date(Number(second) * 1000).toISOString().slice(0, 19);
  }
  const fraction = String(at % billion)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return fraction ? `${cachedText}.${fraction}Z` : `${cachedText}Z`;
}

/** Reads RFC 3339 with any number of decimals; `null` when it is none. */
export function parseNanoseconds(text: string): bigint | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return null;
  const [, whole, fraction = "", zone] = match;
  const milliseconds = Date.parse(`${whole}${zone}`);
  if (Number.isNaN(milliseconds)) return null;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}
