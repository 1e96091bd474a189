// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are HCL, which fills them in itself.
import { expect, test } from "bun:test";
import { readBody } from "./body.ts";
import { evaluate, type Scope } from "./evaluate.ts";
import { HclError, type HclValue } from "./expression.ts";
import { standardFunction } from "./functions.ts";
import { Reader, readTemplate } from "./reader.ts";

const scope: Scope = {
  variable(name) {
    const values: Record<string, HclValue> = { TAG: "v1", n: 3, list: ["a", "b"], map: { k: { x: 1 } }, no: false };
    if (!Object.hasOwn(values, name)) throw new HclError(`there is no variable ${JSON.stringify(name)}`);
    return values[name] ?? null;
  },
  func: standardFunction,
};
const computed = (text: string): HclValue => evaluate(new Reader(text).expression(), scope);

test.each<[string, HclValue]>([
  ["1 + 2 * 3", 7],
  ["(1 + 2) * 3", 9],
  ["-n", -3],
  ["!no && n >= 3", true],
  ['TAG == "v1" ? "yes" : "no"', "yes"],
  ['"x-${TAG}-${n}"', "x-v1-3"],
  ['"$${TAG} \\u00e9\\n"', "${TAG} é\n"],
  ['"${list}"', ["a", "b"]],
  ["list[1]", "b"],
  ["map.k.x", 1],
  ['map["k"]["x"]', 1],
  ["[for s in list : upper(s)]", ["A", "B"]],
  ["[for i, s in list : s if i > 0]", ["b"]],
  ["{for i, s in list : s => i}", { a: 0, b: 1 }],
  ["[{a = 1}, {a = 2}][*].a", [1, 2]],
  ['{ a = 1, "b" : 2\n c = 3 }', { a: 1, b: 2, c: 3 }],
  ['join(",", concat(list, ["c"]))', "a,b,c"],
  ["max([1, 5, 2]...)", 5],
  ['regex_replace("a.b.c", "[.]", "-")', "a-b-c"],
  ['format("%s:%03d", TAG, 7)', "v1:007"],
  ["<<-E\n    a ${TAG}\n      b\n    E\n", "a v1\n  b\n"],
])("%s is %j", (text, value) => {
  expect(computed(text)).toEqual(value);
});

test.each([
  ["nope", 'there is no variable "nope"'],
  ["nope()", 'there is no function "nope"'],
  ["list[7]", "the list has no element 7"],
  ['"a', "a text has no end"],
  ["1 +", "a name expected, found the end of the line"],
  ["1 / 0", "division by zero"],
  ['"%{ if true }"', "directives (%{ }) are not supported"],
  [`${"(".repeat(300)}1`, "nested too deep"],
])("%s is refused: %s", (text, message) => {
  expect(() => computed(text)).toThrow(message);
});

test("readBody() reads attributes, blocks and comments", () => {
  const body = readBody('a = 1 # one\n/* two */ target "x" {\n  tags = ["t", // three\n  ]\n  nested { b = 2 }\n}\n');
  expect([...body.attributes.keys()]).toEqual(["a"]);
  expect(body.blocks.map(({ type, labels }) => [type, ...labels])).toEqual([["target", "x"]]);
  expect(body.blocks[0]?.body.blocks.map(({ type }) => type)).toEqual(["nested"]);
});

test.each([
  ["a = 1\na = 2", '"a" is set twice'],
  ["a = 1 b = 2", "one setting on a line"],
  ['target "x" {\n a = 1', '"}" expected before the end of the file'],
])("readBody() refuses %j: %s", (text, message) => {
  expect(() => readBody(text)).toThrow(message);
});

test("readTemplate() leaves backslashes of JSON's texts alone", () => {
  expect(evaluate(readTemplate("a\\n${TAG}"), scope)).toBe("a\\nv1");
});
