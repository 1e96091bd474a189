import { expect, test } from "bun:test";
import { parseUntil } from "./until.ts";

const now = new Date("2026-01-02T03:04:05.006Z");

test.each([
  ["1767323045", 1_767_323_045_000_000_000n],
  ["1.5", 1_500_000_000n],
  ["1h", 1_767_319_445_006_000_000n],
  ["-1h", 1_767_326_645_006_000_000n],
  ["1h30m1.5s", 1_767_317_643_506_000_000n],
  ["2026-01-02T03:04:05.123456789Z", 1_767_323_045_123_456_789n],
  ["2026-01-02T03:04:05+01:00", 1_767_319_445_000_000_000n],
])("parseUntil() reads %s", (text, at) => {
  expect(parseUntil([text], now)).toBe(at);
});

test("parseUntil() has nothing to say without a filter", () => {
  expect(parseUntil(undefined)).toBeUndefined();
  expect(parseUntil([])).toBeUndefined();
});

test.each([
  [["foo"], 'failed to parse value as time or duration: "foo"'],
  [[`${"9".repeat(400)}h`], "failed to parse value as time or duration"],
  [["10x"], 'failed to parse value as time or duration: "10x"'],
  [[""], 'failed to parse value as time or duration: ""'],
  [["2020-13-01"], 'parsing time "2020-13-01": month out of range'],
  [["2021-02-29"], 'parsing time "2021-02-29": day out of range'],
  [["1h", "2h"], "more than one until filter specified"],
])("parseUntil() refuses %p in dockerd's words", (values, words) => {
  expect(() => parseUntil(values)).toThrow(words);
});
