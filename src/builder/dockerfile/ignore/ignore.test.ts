import { expect, test } from "bun:test";
import golden from "../golden/ignore.json";
import { IgnoreMatcher } from "./ignore.ts";
import { readIgnoreFile } from "./ignore-file.ts";

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
