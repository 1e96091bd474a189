import { describe, expect, test } from "bun:test";
import { isDue, minutesSince, type Offset, parseCron } from "./cron.ts";

const utc: Offset = () => 0;
const at = (text: string): number => Date.parse(`${text}Z`) / 60_000;
const due = (schedule: string, time: string, offset = utc): boolean => isDue(parseCron(schedule), at(time), offset);

test.each([
  ["*/15 * * * *", "2026-03-01T10:45", "2026-03-01T10:46"],
  ["5,35-40/2 8 * * *", "2026-03-01T08:37", "2026-03-01T08:38"],
  ["50/5 * * * *", "2026-03-01T08:55", "2026-03-01T08:45"],
  ["0 9 * jan-mar mon-fri", "2026-03-02T09:00", "2026-03-01T09:00"],
  ["0 0 * * 7", "2026-03-01T00:00", "2026-03-02T00:00"],
  ["0 0 13 * fri", "2026-03-06T00:00", "2026-03-07T00:00"],
  ["0 0 13 * fri", "2026-01-13T00:00", "2026-01-14T00:00"],
  ["0 0 */2 * fri", "2026-05-01T00:00", "2026-05-08T00:00"],
  ["0 0 29 2 *", "2028-02-29T00:00", "2026-03-01T00:00"],
  ["@daily", "2026-03-01T00:00", "2026-03-01T01:00"],
  ["@Hourly", "2026-03-01T05:00", "2026-03-01T05:01"],
  ["@yearly", "2026-01-01T00:00", "2026-02-01T00:00"],
  ["  0  12 1 * *  ", "2026-03-01T12:00", "2026-03-02T12:00"],
])("isDue() with %p: at %s, not at %s", (schedule, yes, no) => {
  expect([due(schedule, yes), due(schedule, no)]).toEqual([true, false]);
});

test.each([
  ["", "want five fields"],
  ["* * * *", "want five fields"],
  ["* * * * * *", "want five fields"],
  ["@reboot", "want five fields"],
  ["60 * * * *", '"60" is no minute (0 to 59)'],
  ["* 24 * * *", '"24" is no hour (0 to 23)'],
  ["* * 0 * *", '"0" is no day of the month (1 to 31)'],
  ["* * * feb-jan *", '"feb-jan" is no month (1 to 12)'],
  ["* * * * mon-", '"mon-" is no day of the week (0 to 7)'],
  ["*/0 * * * *", '"*/0" is no minute'],
  ["1,,2 * * * *", '"" is no minute'],
  ["1-2-3 * * * *", '"1-2-3" is no minute'],
  ["-1 * * * *", '"-1" is no minute'],
  ["1/x * * * *", '"1/x" is no minute'],
  ["* * * * __proto__", '"__proto__" is no day of the week'],
  ["*".repeat(1000), "longer than 500 characters"],
])("parseCron() refuses %p", (text, why) => {
  expect(() => parseCron(text)).toThrow(why);
});

describe("when the clocks change", () => {
  /** Berlin in 2026: forward on 29 March at 01:00 UTC, back on 25 October at 01:00 UTC. */
  const berlin: Offset = (minute) => (minute >= at("2026-03-29T01:00") && minute < at("2026-10-25T01:00") ? 120 : 60);
  const times = (schedule: string, from: string, hours: number): string[] =>
    Array.from({ length: hours * 60 }, (_, i) => at(from) + i)
      .filter((minute) => isDue(parseCron(schedule), minute, berlin))
      .map((minute) => new Date(minute * 60_000).toISOString().slice(11, 16));

  test("what they leave out is due once, as soon as they have gone forward", () => {
    expect(times("30 2 * * *", "2026-03-28T22:00", 8)).toEqual(["01:00"]);
    expect(times("*/20 2 * * *", "2026-03-28T22:00", 8)).toEqual(["01:00"]);
    expect(times("0 3 * * *", "2026-03-28T22:00", 8)).toEqual(["01:00"]);
  });

  test("what they show twice is due once, but for jobs of every hour", () => {
    expect(times("30 2 * * *", "2026-10-24T22:00", 8)).toEqual(["00:30"]);
    expect(times("30 * * * *", "2026-10-24T23:00", 4)).toEqual(["23:30", "00:30", "01:30", "02:30"]);
    expect(times("0 3 * * *", "2026-10-24T22:00", 8)).toEqual(["02:00"]);
  });
});

test("minutesSince() catches up a little, waits for a clock set back, and begins anew after a leap", () => {
  expect(minutesSince(100, 101)).toEqual([101]);
  expect(minutesSince(100, 103)).toEqual([101, 102, 103]);
  expect(minutesSince(100, 100)).toEqual([]);
  expect(minutesSince(100, 40)).toEqual([]);
  expect(minutesSince(1000, 500)).toEqual([500]);
  expect(minutesSince(100, 100_000)).toEqual([100_000]);
});
