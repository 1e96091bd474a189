import { posix } from "node:path";
import { escapeGlob } from "../../../lib/glob.ts";
import type { StagePlan, Work } from "./plan.ts";

/** What the steps of all stages read of the build's context; null is all of it. */
export function contextPathsOf(stages: readonly StagePlan[]): readonly string[] | null {
  const works = stages.flatMap(({ steps }) => steps.flatMap(({ work }) => work ?? []));
  const paths = new Set(works.flatMap(pathsIn));
  return paths.has("/") ? null : [...paths].sort();
}

function pathsIn(work: Work): string[] {
  if (work.kind === "directory") return [];
  const isRead = work.kind === "run" ? work.mounts : work.sources;
  return isRead.flatMap((each) => {
    if (!("input" in each) || each.input.from !== "context") return [];
    return "path" in each ? [posix.join(each.path, withoutTree(each.only ?? ""))] : [escapeGlob(each.source)];
  });
}

/** What `**` may match is somewhere below what stands before it. */
function withoutTree(pattern: string): string {
  const parts = pattern.split("/");
  const at = parts.findIndex((part) => part.includes("**"));
  return at < 0 ? pattern : parts.slice(0, at).join("/");
}
