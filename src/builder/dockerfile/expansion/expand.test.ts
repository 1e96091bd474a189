// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the dollars belong to Dockerfiles
import { expect, test } from "bun:test";
import { WorkBudget } from "../text/limits.ts";
import { type ExpandOptions, expand, tryExpand } from "./expand.ts";

const variables = new Map([
  ["v", "value"],
  ["e", ""],
  ["p", "/usr/lib/a.tar.gz"],
  ["blank", "a  b"],
  ["é", "accent"],
]);
const options = (how: Partial<ExpandOptions> = {}): ExpandOptions => ({
  variables,
  escapeCharacter: "\\",
  budget: new WorkBudget(),
  ...how,
});

const words: [word: string, wanted: string][] = [
  ["plain", "plain"],
  ["$v", "value"],
  ["${v}s", "values"],
  ["$vs", ""],
  ["$v.$e.", "value.."],
  ["$", "$"],
  ["$$v", "v"],
  ["$1a", "a"],
  ["$é", "accent"],
  ["\\$v", "$v"],
  ["a\\ b", "a b"],
  ["a\\", "a"],
  ["'$v \\a'", "$v \\a"],
  ['"$v"', "value"],
  ['"\\$v \\" \\a"', '$v " \\a'],
  ["${u:-d}${u-d}${e:-d}${e-d}", "ddd"],
  ["${v:+a}${v+a}${e:+a}${e+a}${u+a}", "aaa"],
  ["${v:?no}${v?no}${e?no}", "valuevalue"],
  ["${u:-${v}}${u:-'$v'}${u:-\"$v\"}", "value$vvalue"],
  ["${u:-\\}}", "}"],
  ["${p#*/}", "usr/lib/a.tar.gz"],
  ["${p##*/}", "a.tar.gz"],
  ["${p%.*}", "/usr/lib/a.tar"],
  ["${p%%.*}", "/usr/lib/a"],
  ["${p#?usr}", "/lib/a.tar.gz"],
  ["${p#none}", "/usr/lib/a.tar.gz"],
  ["${p/\\//-}", "-usr/lib/a.tar.gz"],
  ["${p//\\//-}", "-usr-lib-a.tar.gz"],
  ["${v/a*u/X}", "vXe"],
  ["${v//?/x}", "xxxxx"],
  ["${v//*/x}", "x"],
  ["${v///-}", "-v-a-l-u-e-"],
  ["${u/a/b}", ""],
];

test.each(words)("expand(%j) is %j", (word, wanted) => {
  expect(expand(word, options()).text).toBe(wanted);
});

const refused: [word: string, why: string][] = [
  ["${v", "syntax error: missing '}'"],
  ["${", "syntax error: missing '}'"],
  ["${v:", "syntax error: missing '}'"],
  ["${v:-", "syntax error: missing '}'"],
  ["${}", "syntax error: bad substitution"],
  ["${{v}}", "syntax error: bad substitution"],
  ["${v^}", "unsupported modifier (^) in substitution"],
  ["${v:=x}", "unsupported modifier (:=) in substitution"],
  ["${u?}", "u: is not allowed to be unset"],
  ["${e:?}", "e: is not allowed to be empty"],
  ["${u:?why not}", "u: why not"],
  ["'a", "unexpected end of statement while looking for matching single-quote"],
  ['"a', "unexpected end of statement while looking for matching double-quote"],
  ["${v#\\z}", "invalid pattern (\\z) in substitution: invalid escape '\\z'"],
];

test.each(refused)("expand(%j) is refused: %s", (word, why) => {
  expect(() => expand(word, options())).toThrow(why);
});

test("expand() parts words at bare blanks, of variables too, and not at quoted ones", () => {
  expect(expand('a $blank "c d" e\\ f', options()).words).toEqual(["a", "a", "b", "c d", "e f"]);
  expect(expand("'' x", options()).words).toEqual(["x"]);
});

test("expand() escapes with a backtick where that is asked for", () => {
  expect(expand("C:\\a `$v `` \\", options({ escapeCharacter: "`" })).text).toBe("C:\\a $v ` \\");
});

test("expand() keeps quotes, escapes and unset variables where it is told to", () => {
  const how = { keepQuotes: true, keepEscapes: true, keepUnset: true };
  const word = "'a' \"b$v\" \\c $u ${u} ${u:-x}";
  expect(expand(word, options(how)).text).toBe("'a' \"bvalue\" \\c $u ${u} ${u:-x}");
  expect(expand("'$v'", options({ plainQuotes: true })).text).toBe("'value'");
});

test("tryExpand() tells which variables were asked for, also when it fails", () => {
  const { matched, unmatched } = tryExpand("$v $u ${w:?no}", options());
  expect([[...matched], [...unmatched]]).toEqual([["v"], ["u", "w"]]);
});

test("expand() bounds what a word may become", () => {
  const long = new Map([["a", "x".repeat(600_000)]]);
  expect(() => expand("$a$a", options({ variables: long }))).toThrow("longer than 1048576 characters");
});
