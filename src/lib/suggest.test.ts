import { expect, test } from "bun:test";
import { didYouMean, suggest } from "./suggest.ts";

test.each([
  ["RUNN", ["COPY", "RUN"], "RUN"],
  ["targt", ["type", "target"], "target"],
  ["quuxly", ["RUN", "COPY"], null],
  ["foo", ["fooo", "fox"], "fooo"],
  ["RUN", ["RUM", "RUN"], null],
  ["", ["ab", "abc"], "ab"],
])("suggest(%p, %p) is %p", (word, options, wanted) => {
  expect(suggest(word, options)).toBe(wanted);
});

test("didYouMean() says it, or nothing", () => {
  expect(didYouMean("cach", ["cache"])).toBe(" (did you mean cache?)");
  expect(didYouMean("bind", ["cache"])).toBe("");
});

test("suggest() gives up on long words early", () => {
  const long = "a".repeat(200_000);
  expect(suggest(long, [`${long}bbb`, "b".repeat(200)])).toBe(null);
});
