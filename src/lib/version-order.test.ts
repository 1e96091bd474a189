import { expect, test } from "bun:test";
import { compareVersions } from "./version-order.ts";

test.each([
  ["1.9", "1.24", -1],
  ["1.51", "1.51", 0],
  ["1.3", "1.3.0", 0],
  ["1.1.5+ds1", "1.1.12", -1],
  ["1.20", "1.20-rc1", 0],
  ["2", "1.99", 1],
])("compareVersions() orders %s and %s by numbers", (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign);
});
