import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { choose } from "./selection.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-selection-"));
afterAll(() => rmSync(root, { recursive: true }));
for (const path of [
  "a/b/c/d/foo",
  "a/b/c/d/e/bay",
  "a/b2/c/d/e/bar",
  "a/b/c2/d/e/baz",
  "a/b/c2/d/e2/baz",
  "a/x.txt",
  "y.txt",
]) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), path);
}
symlinkSync("b", join(root, "a/to-b"));

/** Each choice as `base | parents | path`, directories with a slash behind. */
const chosen = (path: string, only: string | null, isRequired = false): string[] =>
  choose([{ root, path, only, isRequired, unpacks: false, keepsOwner: false }]).map(
    (one) => `${one.base} | ${one.parents} | ${one.path}${one.isDirectory ? "/" : ""}`,
  );

// The cases of BuildKit's own test of relative parents are among these.
test.each([
  ["/a/b", "c/d", ["a/b | c/ | a/b/c/d/"]],
  ["/", "a/b/c/d/foo", [" | a/b/c/d/ | a/b/c/d/foo"]],
  ["/a", "*/c", ["a | b/ | a/b/c/", "a | b2/ | a/b2/c/"]],
  ["/a/b*", "c/**/e", ["a/b | c/d/ | a/b/c/d/e/", "a/b2 | c/d/ | a/b2/c/d/e/"]],
  ["/a/b/c*", "d/**/baz", ["a/b/c2 | d/e/ | a/b/c2/d/e/baz", "a/b/c2 | d/e2/ | a/b/c2/d/e2/baz"]],
  ["/", "**/*.txt", [" | a/ | a/x.txt", " |  | y.txt"]],
  ["/a/b/c", "**", ["a/b/c |  | a/b/c/d/"]],
  ["/", "nope/**/x", []],
])("choose() of --parents %s/./%s", (path, only, wanted) => {
  expect(chosen(path, only)).toEqual(wanted);
});

test("choose() follows a link that is meant by itself, and none below --parents", () => {
  expect(chosen("/a/to-b", null)).toEqual([" |  | a/to-b/"]);
  expect(chosen("/a", "to-b")).toEqual(["a |  | a/to-b"]);
  expect(chosen("/a", "**/d").filter((one) => one.includes("to-b"))).toEqual([]);
});

test("choose() throws for a name that is not there, and takes a pattern that finds nothing", () => {
  expect(() => chosen("/a/none", null, true)).toThrow('"/a/none": not found');
  expect(chosen("/a/none*", null)).toEqual([]);
});
