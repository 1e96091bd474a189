import { expect, test } from "bun:test";
import { compactJson, goJson, indentJson } from "./json-text.ts";

// By the rules of Go's json.Indent; the layouts of whole manifests are compared with the stock client in test/e2e/manifest.test.ts.
test.each([
  ["{}", "{}"],
  ["[ ]", "[]"],
  ['{"a":[],"b":{ }}', '{\n\t"a": [],\n\t"b": {}\n}'],
  ['[1,[2,{"x":"a, [b]"}],null]', '[\n\t1,\n\t[\n\t\t2,\n\t\t{\n\t\t\t"x": "a, [b]"\n\t\t}\n\t],\n\tnull\n]'],
  ['"x"', '"x"'],
  [
    '{"n":12345678901234567890,"e":1.50e+3,"s":"\\u00e9\\/\\"{"}',
    '{\n\t"n": 12345678901234567890,\n\t"e": 1.50e+3,\n\t"s": "\\u00e9\\/\\"{"\n}',
  ],
])("indentJson() lays out %s", (text, expected) => {
  expect(indentJson(text, "\t")).toBe(expected);
  expect(JSON.parse(indentJson(text, "  "))).toEqual(JSON.parse(text));
});

test("compactJson() takes white space out and leaves strings and numbers as they are, but for markup", () => {
  expect(compactJson(' { "a" : [ 1.0 , "b c\\\\" ] ,\n"d":"<\u2028&>" } ')).toBe(
    '{"a":[1.0,"b c\\\\"],"d":"\\u003c\\u2028\\u0026\\u003e"}',
  );
});

test("goJson() escapes what JSON.stringify leaves", () => {
  expect(goJson({ a: "<b>" }, 1)).toBe('{\n "a": "\\u003cb\\u003e"\n}');
});
