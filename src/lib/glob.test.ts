import { expect, test } from "bun:test";
import { workMs } from "../../test/harness/work.ts";
import { globMatch, isMalformedGlob } from "./glob.ts";

test.each([
  ["*", "abc", true],
  ["a*c", "abbbc", true],
  ["a*c", "ab", false],
  ["*", "a/b", false],
  ["a?c", "abc", true],
  ["[a-c]x", "bx", true],
  ["[^a-c]x", "bx", false],
  ["\\*", "*", true],
  ["[", "[", false],
  ["", "", true],
] as const)("globMatch() of %p on %p is %p", (pattern, text, expected) => {
  expect(globMatch(pattern, text)).toBe(expected);
});

test.each(["[", "a[", "[]a]", "[-a]", "[a-]", "[a", "[^", "\\", "[\\", "x\\"])(
  "isMalformedGlob() refuses %p",
  (pattern) => {
    expect(isMalformedGlob(pattern)).toBe(true);
  },
);

test.each(["", "*", "[a]", "[a-c]x", "[^a-c]", "[\\]]", "[\\--a]", "\\[", "a]"])(
  "isMalformedGlob() takes %p",
  (pattern) => {
    expect(isMalformedGlob(pattern)).toBe(false);
  },
);

test("globMatch() stays fast on a hostile pattern", () => {
  const from = workMs();
  expect(globMatch(`${"*a".repeat(50)}b`, "a".repeat(5000))).toBe(false);
  expect(workMs() - from).toBeLessThan(500);
});
