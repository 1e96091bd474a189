/** Parts of plans and files that a build asks for: of several plans what they have together. */
import { readStages, type Stage } from "./dockerfile/instructions/stages.ts";
import { Linter, type LintWarning } from "./dockerfile/lint/linter.ts";
import type { BuildPlan } from "./dockerfile/plan/plan.ts";
import type { ParsedFile } from "./dockerfile/syntax/parse.ts";
import { DockerfileError } from "./dockerfile/text/dockerfile-error.ts";

/** What all plans together read of the context; null is everything. */
export function pathsOf(plans: readonly BuildPlan[]): readonly string[] | null {
  if (plans.some(({ contextPaths }) => contextPaths === null)) return null;
  return [...new Set(plans.flatMap(({ contextPaths }) => contextPaths ?? []))].sort();
}

/** Each once: several platforms have most of them in common. */
export function uniqueFindings(plans: readonly BuildPlan[]): LintWarning[] {
  const all = plans.flatMap(({ warnings }) => warnings);
  return [...new Map(all.map((one) => [`${one.rule} ${one.range.start.line} ${one.message}`, one])).values()];
}

/** The stages of a file that can be read; none of one that cannot, which the check tells of. */
export function stagesIn(file: ParsedFile): readonly Stage[] {
  try {
    return readStages(file, new Linter({ skip: "all", experimental: new Set(), isError: false })).stages;
  } catch (error) {
    if (error instanceof DockerfileError) return [];
    throw error;
  }
}
