import { expect, test } from "bun:test";
import { formatDuration, humanDuration, parseDuration, parseTimestamp } from "./duration.ts";

test("parseDuration() and formatDuration() agree with Go", () => {
  expect(parseDuration("1h2m3.5s")).toBe(3723.5e9);
  expect(parseDuration("-300ms")).toBe(-3e8);
  expect([0, 1500, 1_500_000, 90e9, 3723.5e9].map(formatDuration)).toEqual([
    "0s",
    "1.5µs",
    "1.5ms",
    "1m30s",
    "1h2m3.5s",
  ]);
  expect(() => parseDuration("5")).toThrow('time: missing unit in duration "5"');
  expect(() => parseDuration("5x")).toThrow('time: unknown unit "x" in duration "5x"');
  expect(() => parseDuration("")).toThrow('time: invalid duration ""');
});

test("humanDuration() rounds as Docker's lists do", () => {
  const hour = 3_600_000;
  const spans = [
    10,
    1000,
    59_000,
    60_000,
    119_000,
    45 * 60_000,
    hour,
    47 * hour,
    48 * hour,
    400 * hour,
    1500 * hour,
    20_000 * hour,
  ];
  expect(spans.map(humanDuration)).toEqual([
    "Less than a second",
    "1 second",
    "59 seconds",
    "About a minute",
    "About a minute",
    "45 minutes",
    "About an hour",
    "47 hours",
    "2 days",
    "2 weeks",
    "2 months",
    "2 years",
  ]);
});

test("parseTimestamp() takes durations, dates and Unix seconds", () => {
  const now = new Date("2026-01-01T00:10:00Z");
  expect(parseTimestamp("10m", now)).toBe("1767225600.000000000");
  expect(parseTimestamp("2026-01-01T00:00:00.5Z", now)).toBe("1767225600.500000000");
  expect(parseTimestamp("1767225600.25", now)).toBe("1767225600.25");
  expect(() => parseTimestamp("zz", now)).toThrow('failed to parse value as time or duration: "zz"');
});
