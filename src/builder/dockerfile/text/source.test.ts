import { expect, test } from "bun:test";
import { invalidArgument, notFound } from "../../../lib/errors.ts";
import { DockerfileError, describeError, located } from "./dockerfile-error.ts";
import { excerpt, lineRange } from "./source.ts";

const source = { name: "a/Dockerfile", lines: ["one", "two", "\tthree words", "four", "five", "six", "seven", ""] };
const at = (line: number, from: number, to: number): Parameters<typeof excerpt>[2] => ({
  start: { line, column: from },
  end: { line, column: to },
});

test("excerpt() shows the lines, two around them, and a caret under the word", () => {
  expect(excerpt(source, [lineRange(3, 3)], at(3, 8, 13)).split("\n")).toEqual([
    "a/Dockerfile:3",
    "--------------------",
    "   1 |     one",
    "   2 |     two",
    "   3 | >>> \tthree words",
    "     |     \t      ^^^^^",
    "   4 |     four",
    "   5 |     five",
    "--------------------",
  ]);
});

test("excerpt() shows more behind where there is less before", () => {
  expect(excerpt(source, [lineRange(1, 1)], null)).toContain("   5 |     five");
  expect(excerpt(source, [], null)).toBe("");
  expect(excerpt(source, [lineRange(99, 99)], null)).toBe("");
});

test("excerpt() marks each of several places", () => {
  const shown = excerpt(source, [lineRange(2, 2), lineRange(5, 5)], null).split("\n");
  expect(shown.filter((line) => line.includes(">>>"))).toEqual(["   2 | >>> two", "   5 | >>> five"]);
});

test("excerpt() shows control characters by their code, and of a long line what is around the caret", () => {
  const long = { name: "D", lines: [`\x1b[2J${"x".repeat(1_000)}WRONG${"y".repeat(1_000)}`] };
  const [, , line = "", caret = ""] = excerpt(long, [lineRange(1, 1)], at(1, 1_005, 1_010)).split("\n");
  expect(line).not.toContain("\x1b");
  expect(line.length).toBeLessThan(300);
  expect(line.slice(caret.indexOf("^"), caret.lastIndexOf("^") + 1)).toBe("WRONG");
  expect(excerpt(long, [lineRange(1, 1)], null)).toContain("\\x1b[2J");
});

test("excerpt() shows stars for the credentials of a URL, and the caret where it belongs", () => {
  const secret = { name: "D", lines: ["ADD https://user:hunter2@h/x nowhere"] };
  expect(
    excerpt(secret, [lineRange(1, 1)], at(1, 30, 37))
      .split("\n")
      .slice(2, 4),
  ).toEqual(["   1 | >>> ADD https://************@h/x nowhere", "     |                                  ^^^^^^^"]);
});

test("located() gives an error its place once, and lets others pass", () => {
  const inner = (): never => located([lineRange(2, 2)], null, () => invalidArgumentNow());
  const invalidArgumentNow = (): never => {
    throw invalidArgument("wrong");
  };
  expect(() => located([lineRange(1, 1)], null, inner)).toThrow(
    expect.objectContaining({ name: "DockerfileError", message: "wrong", ranges: [lineRange(2, 2)] }),
  );
  const missing = notFound("no such image");
  expect(() =>
    located([lineRange(1, 1)], null, () => {
      throw missing;
    }),
  ).toThrow(missing);
});

test("describeError() is the message and the lines, or the message alone", () => {
  expect(describeError(new DockerfileError("wrong", [lineRange(1, 1)]), source)).toStartWith("wrong\na/Dockerfile:1\n");
  expect(describeError(new DockerfileError("wrong", []), source)).toBe("wrong");
  expect(describeError(new Error("other"), source)).toBe("other");
});
