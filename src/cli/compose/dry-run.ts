/** `--dry-run`: a plan told instead of carried out. */
import { progressOf } from "../../compose/execute/words.ts";
import type { Plan } from "../../compose/plan/operation.ts";
import type { Progress } from "../../compose/progress.ts";

/** In an order that the plan allows. */
export function dryRun({ operations, warnings }: Plan, progress: Progress): void {
  for (const warning of warnings) progress.warn(warning);
  const done = new Set<string>();
  let left = [...operations];
  while (left.length > 0) {
    const ready = left.filter(({ after }) => after.every((id) => done.has(id)));
    for (const operation of ready) {
      const { thing, begins, ends } = progressOf(operation);
      if (begins) progress.tell(thing, begins, "working");
      if (ends) progress.tell(thing, ends, "done");
      done.add(operation.id);
    }
    if (ready.length === 0) throw new Error("the plan waits for itself");
    left = left.filter(({ id }) => !done.has(id));
  }
}
