/** FROM: bases and platforms with their variables put in. */
import { invalidArgument, messageOf } from "../../../lib/errors.ts";
import { type Platform, parsePlatform } from "../../../lib/platform.ts";
import { parseReference } from "../../../lib/reference.ts";
import { suggest } from "../../../lib/suggest.ts";
import { type Escape, type Expansion, type ExpansionFailure, tryExpand } from "../expansion/expand.ts";
import type { From } from "../instructions/from.ts";
import type { Stage } from "../instructions/stages.ts";
import type { Linter } from "../lint/linter.ts";
import { placeOf } from "../syntax/statement.ts";
import { located } from "../text/dockerfile-error.ts";
import type { WorkBudget } from "../text/limits.ts";
import type { GlobalArgs } from "./args.ts";
import type { StageNode } from "./graph.ts";

/** What FROM is read with. */
export interface FromReader {
  readonly globals: GlobalArgs;
  readonly escapeCharacter: Escape;
  readonly budget: WorkBudget;
  readonly linter: Linter;
  /** Named contexts that stand in for stages. */
  readonly isNamedContext: (name: string) => boolean;
}

/** The stages in order, each with the earlier stage that it begins at; throws DockerfileError. */
export function stageNodes(stages: readonly Stage[], reader: FromReader): StageNode[] {
  const byName = new Map<string, StageNode>();
  return stages.map((stage) => {
    const { from, index } = stage;
    const { range } = from.statement;
    const caret = from.statement.words[0]?.range ?? null;
    const base = located([range], caret, () => readBase(from, reader));
    const platform = from.platform === null ? null : readPlatformOf(from, from.platform, reader);
    const node: StageNode = {
      kind: "stage",
      stage,
      name: from.stage ?? `stage-${index}`,
      base: base.text,
      baseStage: byName.get(base.text) ?? null,
      platform: platform?.platform ?? null,
      usedArgs: new Set([...base.matched, ...(platform?.matched ?? [])]),
      replacement: from.stage !== null && reader.isNamedContext(from.stage) ? from.stage : null,
      parts: [],
    };
    if (from.stage !== null) byName.set(from.stage, node);
    return node;
  });
}

function expandIn(from: From, word: string, reader: FromReader): Expansion | ExpansionFailure {
  const { globals, linter, escapeCharacter, budget } = reader;
  const result = tryExpand(word, { variables: globals.values, escapeCharacter, budget });
  for (const name of result.unmatched) {
    if (globals.declared.has(name)) continue;
    const suggestion = suggest(name, [...globals.declared.keys(), ...globals.values.keys()]);
    linter.report("UndefinedArgInFrom", from.statement.range, name, suggestion);
  }
  return result;
}

function readBase(from: From, reader: FromReader): Expansion {
  const result = expandIn(from, from.base, reader);
  if ("error" in result) throw result.error;
  if (result.text === "") throw invalidArgument(`base name (${from.base}) should not be blank`);
  return result;
}

type ReadPlatform = { readonly platform: Platform } & Pick<Expansion, "matched">;

function readPlatformOf(from: From, word: string, reader: FromReader): ReadPlatform {
  const { statement } = from;
  return located(
    [statement.range],
    () => placeOf(statement, word),
    () => readPlatform(from, word, reader),
  );
}

function readPlatform(from: From, word: string, reader: FromReader): ReadPlatform {
  const { linter, globals } = reader;
  const { range } = from.statement;
  const result = expandIn(from, word, reader);
  if ("error" in result) {
    throw invalidArgument(`failed to process arguments for platform ${word}: ${result.error.message}`);
  }
  const { text, matched, unmatched } = result;
  if (matched.size === 1 && unmatched.size === 0 && matched.has("TARGETPLATFORM")) {
    if (text === globals.values.get("TARGETPLATFORM")) linter.report("RedundantTargetPlatform", range, word);
  }
  if (text === "") throw invalidArgument(`empty platform value from expression ${word}`);
  let platform: Platform;
  try {
    platform = parsePlatform(text);
  } catch (error) {
    throw invalidArgument(`failed to parse platform ${word}: ${messageOf(error)}`, { cause: error });
  }
  const isConstant = matched.size === 0 && unmatched.size === 0;
  const isInName = [platform.os, platform.architecture].some((part) => from.stage?.includes(part));
  if (isConstant && !isInName) linter.report("FromPlatformFlagConstDisallowed", range, text);
  return { platform, matched };
}

/** Reports each base that is none unless the command line says more. `defaults` are the ARGs without it. */
export function checkDefaultBases(
  stages: readonly Stage[],
  defaults: GlobalArgs,
  { escapeCharacter, budget, linter }: Pick<FromReader, "escapeCharacter" | "budget" | "linter">,
): void {
  for (const { from } of stages) {
    const result = tryExpand(from.base, { variables: defaults.values, escapeCharacter, budget });
    if ("error" in result) return;
    try {
      parseReference(result.text);
    } catch {
      linter.report("InvalidDefaultArgInFrom", from.statement.range, from.base);
    }
  }
}
