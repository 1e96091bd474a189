/** What the rules say of FROM and ARG as they are written. */

import type { Linter } from "../lint/linter.ts";
import type { Statement } from "../syntax/statement.ts";
import type { From } from "./from.ts";
import type { Instruction } from "./instruction.ts";
import type { Stage } from "./stages.ts";

const reserved = new Set(["context", "scratch"]);

/** The casing of `FROM base AS name`, which may not be a right one yet. */
export function checkFrom(statement: Statement, linter: Linter): void {
  const { keyword, words, range } = statement;
  const [, as, stage] = words.map(({ text }) => text);
  if (words.length === 3 && stage !== undefined && stage !== stage.toLowerCase()) {
    linter.report("StageNameCasing", range, stage);
  }
  if (as === undefined || words.length < 3) return;
  const from = keyword.text;
  // A FROM that is mixed in itself is told of elsewhere.
  const isConsistent = from === from.toLowerCase() ? as === as.toLowerCase() : as === as.toUpperCase();
  const isMixed = from !== from.toLowerCase() && from !== from.toUpperCase();
  if (!isMixed && !isConsistent) linter.report("FromAsCasing", range, from, as);
}

/** The comment before a stage or an argument, which is shown as its description. */
export function checkDescription(instruction: Instruction | From, linter: Linter): void {
  const { kind, statement } = instruction;
  const names =
    kind === "arg"
      ? instruction.args.map(({ name }) => name)
      : kind === "from" && instruction.stage !== null
        ? [instruction.stage]
        : [];
  const comment = statement.comments.at(-1);
  const [first] = names;
  if (comment === undefined || first === undefined || names.includes(comment.split(" ", 1)[0] ?? "")) return;
  const name = names.length > 1 ? "<arg_key>" : first;
  linter.report("InvalidDefinitionDescription", statement.range, kind.toUpperCase(), name);
}

/** Names that are taken. */
export function checkStageNames(stages: readonly Stage[], linter: Linter): void {
  const seen = new Set<string>();
  for (const { from } of stages) {
    if (from.stage === null) continue;
    if (reserved.has(from.stage)) linter.report("ReservedStageName", from.statement.range, from.stage);
    if (seen.has(from.stage)) linter.report("DuplicateStageName", from.statement.range, from.stage);
    seen.add(from.stage);
  }
}
