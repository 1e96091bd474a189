import { expect, test } from "bun:test";
import { UseCounts } from "./use-counts.ts";

test("UseCounts has a name until the last one that took it is disposed of, each once", () => {
  const users = new UseCounts();
  const [one, two, other] = [users.take("a"), users.take("a"), users.take("b")];
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  expect([users.has("a"), users.has("b"), users.has("c")]).toEqual([true, true, false]);
  two[Symbol.dispose]();
  other[Symbol.dispose]();
  expect([users.has("a"), users.has("b")]).toEqual([false, false]);
});
