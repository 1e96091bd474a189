import { describe, expect, test } from "bun:test";
import { workMs } from "../../../test/harness/work.ts";
import { InvalidTemplate, MissingVariable, substitute } from "./template.ts";

const values: Readonly<Record<string, string>> = { SET: "set", EMPTY: "", OTHER: "other" };
const fill = (text: string, unset: string[] = []): string =>
  substitute(
    text,
    (name) => values[name],
    (name) => unset.push(name),
  );

describe("substitute()", () => {
  test.each([
    ["$SET-${SET}", "set-set"],
    ["$$SET $${SET}", "$SET ${SET}"],
    ["${NO:-d} ${EMPTY:-d} ${SET:-d}", "d d set"],
    ["${NO-d} ${EMPTY-d} ${SET-d}", "d  set"],
    ["${NO:+r} ${EMPTY:+r} ${SET:+r}", "  r"],
    ["${NO+r} ${EMPTY+r} ${SET+r}", " r r"],
    ["${SET:?e} ${SET?e}|${EMPTY?e}", "set set|"],
    ["${NO:-${EMPTY:-${OTHER}}}", "other"],
    ['${NO:-{"a":{"b":1}}}', '{"a":{"b":1}}'],
    ["${NO:-a:b/c?d=e}", "a:b/c?d=e"],
    ["$1 $ 100%$", "$1 $ 100%$"],
  ])("fills %s in", (text, expected) => {
    expect(fill(text)).toBe(expected);
  });

  test("tells of variables that are not set, and of no others", () => {
    const unset: string[] = [];
    expect(fill("$NO ${NO:-x} ${GONE}", unset)).toBe(" x ");
    expect(unset).toEqual(["NO", "GONE"]);
  });

  test.each(["${", "${A b}", "${A", "${A:-b", "${1}"])("refuses %s", (text) => {
    expect(() => fill(text)).toThrow(InvalidTemplate);
  });

  test.each([
    ["${NO:?gone}", "required variable NO is missing a value: gone"],
    ["${NO?}", "required variable NO is missing a value"],
    ["${EMPTY:?no ${OTHER}}", "required variable EMPTY is missing a value: no other"],
  ])("wants the variable of %s", (text, words) => {
    expect(() => fill(text)).toThrow(MissingVariable);
    expect(() => fill(text)).toThrow(words);
  });

  test("is done with deep and long templates in no time", () => {
    const start = workMs();
    expect(() => fill(`${"${A:-".repeat(50_000)}x${"}".repeat(50_000)}`)).toThrow(InvalidTemplate);
    expect(fill("${A:-x}".repeat(50_000))).toBe("x".repeat(50_000));
    expect(workMs() - start).toBeLessThan(1000);
  });

  test("does not look at values again", () => {
    expect(
      substitute(
        "$A",
        () => "$A${A}",
        () => {},
      ),
    ).toBe("$A${A}");
  });
});
