import { describe, expect, test } from "bun:test";
import { workMs } from "../../../test/harness/work.ts";
import { Problems } from "../problems.ts";
import { plainValue } from "./node.ts";
import { parseYaml } from "./parse.ts";

function read(text: string): unknown {
  const problems = new Problems();
  const documents = parseYaml(text, "f", problems);
  problems.throwIfAny();
  return documents.map(({ root }) => plainValue(root));
}

describe("parseYaml()", () => {
  test.each<[string, unknown]>([
    ["a: [1, 0x1F, 0755, 0o14, 0b11, 1_000, -5]", { a: [1, 31, 493, 12, 3, 1000, -5] }],
    ["a: [yes, on, n, True, ~, , null]".replace(" ,", ""), { a: ["yes", "on", "n", true, null, null] }],
    ["a: [\"1\", 'x', !!str 2, 123456789012345678]", { a: ["1", "x", "2", 123456789012345678n] }],
    ["x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}", { x: { a: 1, b: 2 }, y: { b: 3, a: 1 } }],
    ["p: &p {a: 1}\nq: &q {a: 2, c: 3}\ny: {<<: [*p, *q]}", { p: { a: 1 }, q: { a: 2, c: 3 }, y: { a: 1, c: 3 } }],
    // As Go's parser, which asks for no indentation in quotes and brackets.
    ["a:\n  b: [\"x\ny\nz\", 1,\n2\n]\n  c: 'p\n\nq'\n", { a: { b: ["x y z", 1, 2], c: "p\nq" } }],
    ["a: |\n  two\n  lines\nb: >-\n  fol\n  ded", { a: "two\nlines\n", b: "fol ded" }],
  ])("reads %j", (text, expected) => {
    expect(read(text)).toEqual([expected]);
  });

  test("reads every document, and remembers what is reset or overridden", () => {
    const [first, second] = parseYaml("a: !reset null\nb: {c: !override [1]}\n---\nd: 1\n", "f", new Problems());
    expect([first!.resets, plainValue(first!.root), plainValue(second!.root)]).toEqual([
      [["a"], ["b", "c"]],
      { b: { c: [1] } },
      { d: 1 },
    ]);
  });

  test.each([
    ["a: {b: 1, b: 2}", 'f:1:11: mapping key "b" already defined at line 1 (at a.b)'],
    ["a: {3: 4}", "f:1:5: non-string key in a: 3"],
    ["a: *nope", "f:1:4: failed to parse f: yaml: unknown anchor 'nope' referenced"],
    ["a: &a [*a]", "anchor 'a' value contains itself"],
    ["a: &a {b: *a}", "anchor 'a' value contains itself"],
    ['a:\n  b: ["x\ny", *no]\n', "f:3:5: failed to parse f: yaml: unknown anchor 'no' referenced"],
    ['a:\n  b: "x\nc: 1\n', 'f:4:1: failed to parse f: yaml: Missing closing "quote'],
    ["a: {<<: 1}", "map merge requires map or sequence of maps as the value"],
    ["a: [1", "failed to parse f: yaml:"],
  ])("refuses %j", (text, words) => {
    expect(() => read(text)).toThrow(words);
  });

  test("stops a bomb of aliases", () => {
    const lines = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`);
    const start = workMs();
    expect(() => read(`a0: &a0 [x]\n${lines.join("\n")}`)).toThrow("document contains excessive aliasing");
    expect(workMs() - start).toBeLessThan(5000);
  });

  test("refuses values nested beyond reason", () => {
    expect(() => read("[".repeat(500) + "]".repeat(500))).toThrow("nested too deeply");
    expect(() => read("[".repeat(100_000))).toThrow("failed to parse");
  });
});
