import { expect, test } from "bun:test";
import { naturalOrder } from "./natural-order.ts";

test("naturalOrder() counts numbers by value, puts digits first and capitals before small letters", () => {
  const ordered = ["", "1", "2", "2a", "02", "10", "A", "a", "a1", "a1b", "a01", "a2", "a10", "a-1", "b"];
  const sorted = [...ordered].reverse().sort(naturalOrder);
  expect(sorted).toEqual(["", "1", "2", "2a", "02", "10", "A", "a", "a1", "a1b", "a01", "a2", "a10", "a-1", "b"]);
});
