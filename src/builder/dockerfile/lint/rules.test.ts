import { expect, test } from "bun:test";
import { IgnoreMatcher } from "../../../lib/ignore/ignore.ts";
import { checkBuild } from "../plan/build.ts";
import { baseImage, planOptions } from "../plan/fakes.ts";
import type { BaseImages } from "../plan/options.ts";
import { parseFile } from "../syntax/parse.ts";
import { describeWarning, Linter } from "./linter.ts";
import { readLintOptions } from "./options.ts";
import { rules } from "./rules.ts";

/** Every image there is, for arm64. */
const images: BaseImages = {
  resolve: async (reference) => ({
    ...baseImage,
    reference,
    settings: {},
    platform: { os: "linux", architecture: reference.includes("amd64") ? "amd64" : "arm64" },
  }),
};

async function spoken(example: string): Promise<string[]> {
  const platform = /--platform (\w+)\/(\w+)/.exec(example);
  const ignored = /^# \.dockerignore: (.*)$/m.exec(example)?.[1] ?? "*/tmp";
  const base = /^FROM/im.test(example) ? "" : "FROM scratch\n";
  const file = parseFile(Buffer.from(`# check=experimental=all\n${base}${example}\n`), "Dockerfile");
  const { warnings, error } = await checkBuild(
    file,
    planOptions({
      allStages: true,
      images,
      ignore: new IgnoreMatcher([ignored]),
      targetPlatform: platform ? { os: platform[1]!, architecture: platform[2]! } : null,
    }),
  );
  // An image without its tag is a mistake as well.
  if (error && !/stage name/.test(error.message)) throw error;
  return warnings.map(({ rule }) => rule);
}

test.each(Object.entries(rules))(
  "%s speaks of its bad example and not of its good one",
  async (name, { bad, good }) => {
    expect(await spoken(bad)).toContain(name);
    expect(await spoken(good)).not.toContain(name);
  },
);

test.each([
  ["", { skip: new Set(), experimental: new Set(), isError: false }],
  ["skip=A, B", { skip: new Set(["A", "B"]), experimental: new Set(), isError: false }],
  ["skip=all;error=true", { skip: "all", experimental: new Set(), isError: true }],
  ["error=0;experimental=all;skip=X", { skip: new Set(["X"]), experimental: "all", isError: false }],
] as const)("readLintOptions(%j)", (text, wanted) => {
  expect(readLintOptions(text)).toEqual(wanted as never);
});

test("a linter is silent where it is told to be, and fails the build where it is told to", () => {
  const place = { start: { line: 1, column: 1 }, end: { line: 1, column: 1 } };
  const linter = new Linter(readLintOptions("skip=FromAsCasing;error=true"));
  linter.report("FromAsCasing", place, "FROM", "as");
  linter.report("CopyIgnoredFile", place, "Copy", "x");
  expect(() => linter.refuseIfAsked()).not.toThrow();
  linter.report("MaintainerDeprecated", place);
  linter.report("MaintainerDeprecated", place);
  linter.report("StageNameCasing", place, "X");
  expect(() => linter.refuseIfAsked()).toThrow("lint violation found for rules: MaintainerDeprecated, StageNameCasing");
});

test("describeWarning() says the rule, the message and the lines", async () => {
  const file = parseFile(Buffer.from("FROM scratch as x\n"), "Dockerfile");
  const { warnings } = await checkBuild(file, planOptions());
  expect(describeWarning(warnings[0]!, file.source)).toBe(
    [
      "WARNING: FromAsCasing - docs/reference/dockerfile-rules.md#fromascasing",
      "'as' and 'FROM' keywords' casing do not match",
      "Dockerfile:1",
      "--------------------",
      "   1 | >>> FROM scratch as x",
      "   2 |     ",
      "--------------------",
    ].join("\n"),
  );
});
