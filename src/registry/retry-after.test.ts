import { expect, test } from "bun:test";
import { waitMs } from "./retry-after.ts";

test("hardening 139: waitMs() honours seconds and dates, adds up to a quarter by chance, and never waits above half a minute", () => {
  const many = (header: string | null, attempt = 1): number[] =>
    Array.from({ length: 200 }, () => waitMs(header, attempt));
  const within = (waits: number[], least: number, most: number): void => {
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(least);
    expect(Math.max(...waits)).toBeLessThanOrEqual(most);
  };
  within(many("2"), 2000, 2500);
  within(many("0.1"), 100, 125);
  within(many(new Date(Date.now() + 10_000).toUTCString()), 8000, 12_500);
  for (const header of ["3600", "9".repeat(400), new Date(Date.now() + 1e9).toUTCString()])
    within(many(header), 30_000, 30_000);
  for (const header of [null, "", "0", "-5", "soon", "1e9", "Infinity", new Date(0).toUTCString()]) {
    within(many(header), 500, 625);
    within(many(header, 3), 2000, 2500);
    within(many(header, 60), 30_000, 30_000);
  }
  expect(new Set(many("2")).size).toBeGreaterThan(100);
});
