import { describe, expect, test } from "bun:test";
import { parseDotenv, parseRawEnv } from "./dotenv.ts";

function read(text: string, outer: Readonly<Record<string, string>> = {}): Record<string, string> {
  const into = new Map<string, string>();
  parseDotenv(
    text,
    into,
    (name) => outer[name],
    () => {},
  );
  return Object.fromEntries(into);
}

describe("parseDotenv()", () => {
  test.each<[string, Record<string, string>]>([
    ["A=1\n# c\n\n  B = two words  # comment\n", { A: "1", B: "two words" }],
    ["export A=1\nB: yaml\n", { A: "1", B: "yaml" }],
    ["A='raw $X \\' q'\n", { A: "raw $X ' q" }],
    ['A="l1\nl2 \\"q\\" \\t\\$X"\n', { A: 'l1\nl2 "q" \t$X' }],
    ["A=a\nB=${A}-$A-${NO:-d}\n", { A: "a", B: "a-a-d" }],
    ["A=#no\nB=x#y\nC=\n", { A: "#no", B: "x#y", C: "" }],
    ["\uFEFFA.b-c[0]=1", { "A.b-c[0]": "1" }],
  ])("reads %j", (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test("takes a bare name from outside, and the outside before what stands above", () => {
    expect(read("X\nY\nA=in\nB=$A\n", { X: "out", A: "over" })).toEqual({ X: "out", A: "in", B: "over" });
  });

  test.each([
    ["A=1\nB*=2", 'line 2: unexpected character "*" in variable name "B*=2"'],
    ["A=1\nB C=2", "line 2: key cannot contain a space"],
    ['A="open\nB=1', 'line 1: unterminated quoted value "open'],
    ["A=${x y}", "Invalid template"],
  ])("refuses %j", (text, words) => {
    expect(() => read(text)).toThrow(words);
  });

  test("stops variables that double with every line", () => {
    const lines = Array.from({ length: 60 }, (_, i) => `V${i + 1}=$V${i}$V${i}`);
    expect(() => read(`V0=${"x".repeat(1000)}\n${lines.join("\n")}`)).toThrow("the values are too long");
  });
});

test("parseRawEnv() keeps quotes and dollars", () => {
  const into = new Map<string, string>();
  parseRawEnv('# c\nA="$X"\nB\nC\n', into, (name) => (name === "B" ? "b" : undefined));
  expect(Object.fromEntries(into)).toEqual({ A: '"$X"', B: "b" });
  expect(() => parseRawEnv("A B=1", into, () => undefined)).toThrow("variable 'A B' contains whitespaces");
});
