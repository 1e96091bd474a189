import { expect, test } from "bun:test";
import { kindOf } from "../errors.ts";
import { formatPaxRecord, parsePax } from "./pax.ts";

test.each(["path", "linkpath", "GNU.sparse.name"])("parsePax() refuses a NUL in %s", (key) => {
  const read = (value: string): unknown => parsePax(formatPaxRecord(key, value));
  expect(read("a/b")).toEqual([{ key, value: Buffer.from("a/b") }]);
  let error: unknown = null;
  try {
    read("a\0b");
  } catch (reason) {
    error = reason;
  }
  expect(kindOf(error)).toBe("invalidArgument");
});
