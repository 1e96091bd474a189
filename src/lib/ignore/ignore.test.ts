import { expect, test } from "bun:test";
import golden from "./golden.json";
import { IgnoreMatcher } from "./ignore.ts";
import { findIgnoreFile, readIgnoreFile } from "./ignore-file.ts";

interface IgnoreCase {
  ignore: string;
  kept?: string[];
  error?: string;
}

/** What a walk keeps that passes over directories as it may. */
function walk(matcher: IgnoreMatcher, files: readonly string[]): string[] {
  const skipped = new Set<string>();
  return files.filter((file) => {
    const parts = file.split("/");
    for (let i = 1; i < parts.length; i++) {
      const directory = parts.slice(0, i).join("/");
      if (matcher.matches(directory) && !matcher.mayKeepBelow(directory)) skipped.add(directory);
      if (skipped.has(directory)) return false;
    }
    return !matcher.matches(file);
  });
}

for (const { ignore, kept, error } of golden.cases as IgnoreCase[]) {
  test(`IgnoreMatcher keeps what the reference engine keeps with ${JSON.stringify(ignore)}`, () => {
    if (kept === undefined) {
      expect(() => new IgnoreMatcher(readIgnoreFile(ignore)), error).toThrow(
        /syntax error in pattern|illegal exclusion/,
      );
      return;
    }
    const matcher = new IgnoreMatcher(readIgnoreFile(ignore));
    expect(walk(matcher, golden.files).sort()).toEqual(kept);
    expect(golden.files.filter((file) => !matcher.matches(file)).sort()).toEqual(kept);
  });
}

test("readIgnoreFile() drops comments, blanks and a byte order mark, and cleans paths", () => {
  expect(readIgnoreFile("\ufeff# c\n\n /a//b/ \r\n!  ./c/../d\n  # not a comment\n/\n!\n")).toEqual([
    "a/b",
    "!d",
    "# not a comment",
    "/",
    "!",
  ]);
});

test("findIgnoreFile() takes the Dockerfile's own before the context's", async () => {
  const files = (own: string | null, shared: string | null): Parameters<typeof findIgnoreFile>[1] => ({
    besideDockerfile: async (name) => (name === "app.Dockerfile.dockerignore" ? own : null),
    inContext: async (path) => (path === ".dockerignore" ? shared : null),
  });
  const find = (own: string | null, shared: string | null): ReturnType<typeof findIgnoreFile> =>
    findIgnoreFile("app.Dockerfile", files(own, shared));
  expect(await find("a\n", "b\n")).toEqual({ name: "app.Dockerfile.dockerignore", patterns: ["a"] });
  expect(await find("", "b\n")).toEqual({ name: "app.Dockerfile.dockerignore", patterns: [] });
  expect(await find(null, "b\n")).toEqual({ name: ".dockerignore", patterns: ["b"] });
  expect(await find(null, null)).toBe(null);
});

test.each([
  [["*", "!a/b/*.go"], "a", true],
  [["*", "!a/b/*.go"], "a/b", true],
  [["*", "!a/b/*.go"], "a/c", false],
  [["*", "!a/b/*.go"], "c", false],
  [["*", "!**/*.go"], "any/where", true],
  [["*", "!a"], "a", false],
  [["*"], "a", false],
])("with %j a walk has to go into %j: %p", (patterns, directory, may) => {
  expect(new IgnoreMatcher(patterns).mayKeepBelow(directory)).toBe(may);
});
