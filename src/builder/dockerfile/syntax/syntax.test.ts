import { expect, test } from "bun:test";
import { isOwnFrontend, syntaxOf } from "./directives.ts";
import { parseFile } from "./parse.ts";

const parse = (text: string): ReturnType<typeof parseFile> => parseFile(Buffer.from(text), "Dockerfile");
const statementOf = (text: string): ReturnType<typeof parseFile>["statements"][number] => parse(text).statements[0]!;

test("parseFile() knows where each word stands, over continued lines too", () => {
  const text = "FROM x\n  COPY --link \\\n    --from=a \\\n# comment\n one \\\n\n  two/\n";
  const { flags, words, range, keyword } = parse(text).statements[1]!;
  const place = ({ range: { start, end } }: (typeof words)[number]): string =>
    `${start.line}:${start.column}-${end.line}:${end.column}`;
  expect(place(keyword)).toBe("2:3-2:7");
  expect(flags.map(place)).toEqual(["2:8-2:14", "3:5-3:13"]);
  expect(words.map(place)).toEqual(["5:2-5:5", "7:3-7:7"]);
  expect([range.start.line, range.end.line]).toEqual([2, 7]);
});

test.each([
  ["RUN a\\\nb", ["ab"]],
  ["RUN a \\  \n  b", ["a   b"]],
  ["RUN a \\\\", ["a \\\\"]],
  ["RUN a \\\n# c\n\n", ["a"]],
  ["EXPOSE 1\t2  3", ["1", "2", "3"]],
  ["COPY [\"a b\", 'c']", ['["a', 'b",', "'c']"]],
  ['COPY ["a b", "c"]', ["a b", "c"]],
  ["ARG a='b c' \"d\"=e\\ f g", ["a='b c'", '"d"=e\\ f', "g"]],
])("parseFile(%j) parts the arguments as %j", (text, wanted) => {
  expect(statementOf(text).words.map((word) => word.text)).toEqual(wanted);
});

test.each([
  ["COPY --a=b --c d e", ["--a=b", "--c"], ["d", "e"]],
  ["COPY --a='b c' --d=\"e\" f g", ["--a=b c", "--d=e"], ["f", "g"]],
  ["COPY --a=b\\ c d e", ["--a=b c"], ["d", "e"]],
  ["COPY -- --a b", [], ["--a", "b"]],
  ["COPY a --b=c d", [], ["a", "--b=c", "d"]],
])("parseFile(%j) has the flags %j", (text, flags, words) => {
  const statement = statementOf(text);
  expect(statement.flags.map((flag) => flag.text)).toEqual(flags);
  expect(statement.words.map((word) => word.text)).toEqual(words);
});

test("parseFile() takes comments before an instruction with it, but for those that an empty one cuts off", () => {
  const comments = parse("# check=skip=all\n# one\n\n#  two\nFROM x\n# three\n#\n# four\nRUN y\n").statements.map(
    (each) => each.comments,
  );
  expect(comments).toEqual([["one", "two"], ["four"]]);
});

test("parseFile() notes the empty lines inside of instructions", () => {
  const { emptyContinuations } = parse("RUN a \\\n\n  b \\\n\n  c\nRUN d\n");
  expect(emptyContinuations.map(({ start }) => start.line)).toEqual([5]);
});

test("directives end with the first line that is none", () => {
  expect([...parse("# escape=`\n# other=1\n# check=skip=all\nRUN a\n").directives.keys()]).toEqual(["escape"]);
  expect([...parse("#  CHECK = skip=all \nRUN a\n").directives.keys()]).toEqual(["check"]);
  expect(parse("RUN a\n# escape=`\n").escapeCharacter).toBe("\\");
});

test.each([
  [["# syntax=docker/dockerfile:1"], "docker/dockerfile:1"],
  [["# escape=`", "# Syntax = a/b:c extra"], "a/b:c"],
  [["#!/usr/bin/env build", "# syntax=a"], "a"],
  [["//syntax=a"], "a"],
  [['{"syntax": "a",', '"x": 1}'], "a"],
  [["FROM x", "# syntax=a"], null],
  [["# comment", "# syntax=a"], null],
  [['{"x": 1}'], null],
])("syntaxOf(%j) is %j", (lines, wanted) => {
  expect(syntaxOf(lines)?.value ?? null).toBe(wanted);
});

test.each([
  ["docker/dockerfile", true],
  ["docker/dockerfile:1.19-labs", true],
  ["docker.io/docker/dockerfile-upstream:master", true],
  [`docker/dockerfile:1@sha256:${"0".repeat(64)}`, true],
  ["example.com/docker/dockerfile:1", false],
  ["docker/dockerfiles:1", false],
  ["docker/dockerfile:1/x", false],
])("isOwnFrontend(%j) is %p", (reference, wanted) => {
  expect(isOwnFrontend(reference)).toBe(wanted);
});
