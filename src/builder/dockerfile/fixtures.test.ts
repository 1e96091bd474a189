/**
 * Whole files, each in a folder of its own: `expected.json` is what is read and planned, `error.txt` what is said of a wrong
 * one. `options.json` has the target and the build arguments. DHOW_REWRITE_FIXTURES=1 writes the answers anew, to be read.
 */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { IgnoreMatcher } from "../../lib/ignore/ignore.ts";
import { readIgnoreFile } from "../../lib/ignore/ignore-file.ts";
import { formatPlatform } from "../../lib/platform.ts";
import { planBuild } from "./plan/build.ts";
import { planOptions } from "./plan/fakes.ts";
import type { PlanOptions } from "./plan/options.ts";
import type { BuildPlan, StagePlan } from "./plan/plan.ts";
import { type ParsedFile, parseFile } from "./syntax/parse.ts";
import type { Statement } from "./syntax/statement.ts";
import { DockerfileError, describeError } from "./text/dockerfile-error.ts";
import type { Range, Token } from "./text/source.ts";

const folder = fileURLToPath(new URL("./fixtures", import.meta.url));
const rewrites = process.env.DHOW_REWRITE_FIXTURES === "1";

const place = ({ start, end }: Range): string =>
  end.column === Number.MAX_SAFE_INTEGER
    ? `lines ${start.line}-${end.line}`
    : `${start.line}:${start.column}-${end.line}:${end.column}`;
const word = ({ text, range }: Token): string => `${place(range)} ${text}`;

/** What is empty is left out: the tree is for reading. */
function kept(fields: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = (value: unknown): boolean =>
    value === null || value === undefined || value === false || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function statementTree(statement: Statement): Record<string, unknown> {
  const { keyword, flags, words, isJson, pairs, trigger, heredocs, comments, range } = statement;
  return kept({
    at: place(range),
    keyword: word(keyword),
    flags: flags.map(word),
    words: words.map(word),
    isJson,
    pairs: pairs.map(({ key, value, isOldForm }) => [key, value, ...(isOldForm ? ["old form"] : [])]),
    trigger: trigger && statementTree(trigger),
    heredocs,
    comments,
  });
}

function stageTree({ index, name, label, platform, base, steps, image }: StagePlan): Record<string, unknown> {
  const { settings, history: _rows, ...rest } = image;
  return {
    index,
    name,
    label,
    platform: formatPlatform(platform),
    base,
    steps: steps.map((step) =>
      kept({
        label: step.label,
        work: step.work,
        change: Object.keys(step.change).length > 0 ? step.change : null,
        history: step.history?.created_by,
        isTrigger: step.isTrigger,
      }),
    ),
    image: { ...rest, settings: kept({ ...settings }) },
  };
}

function tree(file: ParsedFile, plan: BuildPlan): unknown {
  return {
    statements: file.statements.map(statementTree),
    stages: plan.stages.map(stageTree),
    target: plan.target.name,
    contextPaths: plan.contextPaths,
    unusedBuildArgs: plan.unusedBuildArgs,
    frontend: plan.frontend,
    warnings: plan.warnings.map(({ rule, message, range }) => `${place(range)} ${rule}: ${message}`),
  };
}

function optionsIn(path: string): Partial<PlanOptions> {
  const given = existsSync(join(path, "options.json"))
    ? (JSON.parse(readFileSync(join(path, "options.json"), "utf8")) as Pick<PlanOptions, "target" | "allStages"> & {
        buildArgs: Record<string, string>;
      })
    : { target: null, buildArgs: {} };
  const ignore = existsSync(join(path, ".dockerignore"))
    ? new IgnoreMatcher(readIgnoreFile(readFileSync(join(path, ".dockerignore"), "utf8")))
    : null;
  return { ...given, buildArgs: new Map(Object.entries(given.buildArgs)), ignore };
}

/** The name of the answer's file, and what belongs in it. */
async function answer(path: string): Promise<[file: string, text: string]> {
  const bytes = readFileSync(join(path, "Dockerfile"));
  try {
    const file = parseFile(bytes, "Dockerfile");
    const plan = await planBuild(file, planOptions(optionsIn(path)));
    return ["expected.json", `${JSON.stringify(tree(file, plan), null, 2)}\n`];
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    const source = { name: "Dockerfile", lines: new TextDecoder().decode(bytes).split("\n") };
    return ["error.txt", `${describeError(error, source)}\n`];
  }
}

for (const name of readdirSync(folder)) {
  test(`fixtures/${name}`, async () => {
    const path = join(folder, name);
    const [file, text] = await answer(path);
    if (rewrites) writeFileSync(join(path, file), text);
    expect(existsSync(join(path, file)) ? file : `no ${file}: ${text}`).toBe(file);
    expect(text).toBe(readFileSync(join(path, file), "utf8"));
  });
}
