import { expect, test } from "bun:test";
import { workMs } from "../../test/harness/work.ts";
import { parseStrictJson } from "./strict-json.ts";

test.each([
  ['{"a":1,"a":2}', 'the key "a" comes twice'],
  ['{"b":{"a":1,"\\u0061":[]}}', 'the key "a" comes twice'],
  ['[{"a":{},"b":"a","a":{}}]', 'the key "a" comes twice'],
  ['{"a":"\\ud800"}', "half a surrogate pair"],
  ['{"\\udc00x":1}', "half a surrogate pair"],
])("hardening 26: parseStrictJson() refuses %s", (text, words) => {
  expect(() => parseStrictJson(text)).toThrow(words);
});

test.each([
  '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
  '{"a":"a","b":"a","c":["a","a"],"d\\"":"\\\\","d":"{,\\"d\\":"}',
  '{"a":"\\ud83d\\ude00","__proto__":1}',
  '"a"',
  "[]",
])("parseStrictJson() takes %s as it is", (text) => {
  expect(parseStrictJson(text)).toEqual(JSON.parse(text));
});

test("parseStrictJson() takes a time that grows with the text alone", () => {
  const escaped = JSON.stringify({ a: '"'.repeat(2_000_000), b: "\\".repeat(2_000_000) });
  const wide = `{${Array.from({ length: 200_000 }, (_, i) => `"k${i}":[]`).join(",")}}`;
  const begun = workMs();
  for (const text of [escaped, wide]) parseStrictJson(text);
  expect(workMs() - begun).toBeLessThan(3000);
});
