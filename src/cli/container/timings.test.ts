import { expect, test } from "bun:test";
import { stepsOf } from "./timings.ts";

test("stepsOf() reads Server-Timing, the daemon's whole first, and leaves out what has no duration", () => {
  const headers = new Map([["server-timing", "mount;dur=0.520, cache, runtime.stdio;dur=1, total;dur=19.468"]]);
  expect(stepsOf(headers)).toEqual([
    { name: "daemon", ms: 19.468, depth: 1 },
    { name: "mount", ms: 0.52, depth: 2 },
    { name: "runtime.stdio", ms: 1, depth: 2 },
  ]);
  expect(stepsOf(new Map())).toEqual([]);
});
