import { expect, test } from "bun:test";
import { parseJson, stringifyJson } from "./json.ts";

test("hardening 215: parseJson() and stringifyJson() keep every int64 exact", () => {
  const text = '{"max":9223372036854775807,"min":-9223372036854775808,"safe":9007199254740991,"half":0.5}';
  expect(stringifyJson(parseJson(text))).toBe(text);
});

test("parseJson() leaves long digits inside strings alone", () => {
  expect(parseJson('{"a":"9223372036854775807"}')).toEqual({ a: "9223372036854775807" });
});

test("parseJson() speaks as Go does of a cut text", () => {
  for (const text of ["", "{", '{"a":', '{"a":"b', "[1,"]) {
    expect(() => parseJson(text)).toThrow("invalid JSON: unexpected EOF");
  }
});

test("parseJson() refuses nesting that would break a recursive reader", () => {
  expect(() => parseJson("[".repeat(100_000) + "]".repeat(100_000))).toThrow("exceeded max depth");
});

test("parseJson() keeps __proto__ an own key", () => {
  const value = parseJson('{"__proto__":{"polluted":true}}') as object;
  expect(Object.keys(value)).toEqual(["__proto__"]);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});
