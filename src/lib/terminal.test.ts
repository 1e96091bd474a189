import { expect, test } from "bun:test";
import { parseDetachKeys, watchDetach } from "./terminal.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test("parseDetachKeys() knows control keys and plain ones", () => {
  expect(parseDetachKeys("ctrl-p,ctrl-q")).toEqual(bytes(16, 17));
  expect(parseDetachKeys("a,ctrl-@,ctrl-[")).toEqual(bytes(97, 0, 27));
  expect(() => parseDetachKeys("ctrl-!")).toThrow("Unknown character");
});

test("watchDetach() holds back a beginning and gives it out when it was none", () => {
  const watch = watchDetach(bytes(16, 17));
  expect(watch.feed(bytes(1, 16))).toEqual(bytes(1));
  expect(watch.feed(bytes(2))).toEqual(bytes(16, 2));
  expect(watch.feed(bytes(16, 16, 17, 9))).toEqual(bytes(16));
  expect(watch.detached()).toBe(true);
});
