/** Carries the plans of a build out, those for several platforms side by side. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import type { Operation } from "../lib/operation.ts";
import type { BuildImages } from "./base-images.ts";
import type { BuildEvent, BuildRequest } from "./builder.ts";
import type { StepNotes } from "./cache/export-cache.ts";
import type { ImportedCaches } from "./cache/import-cache.ts";
import type { BuildHold } from "./collaborators.ts";
import type { BuildFiles, ContextParts } from "./context/build-context.ts";
import { describeWarning } from "./dockerfile/lint/linter.ts";
import type { BuildPlan } from "./dockerfile/plan/plan.ts";
import { maskedSource, type Source } from "./dockerfile/text/source.ts";
import { pathsOf, uniqueFindings } from "./plan-parts.ts";
import { InputRoots } from "./solver/input-roots.ts";
import { Solver, type StageResult } from "./solver/solver.ts";
import { StepWorker, type WorkerParts } from "./solver/step-worker.ts";
import type { NamedContexts } from "./sources/named-contexts.ts";

/** Where a build takes what its context does not have. */
export interface BuildSources {
  readonly bases: BuildImages;
  readonly named: NamedContexts;
}

export interface SolvingParts {
  readonly worker: WorkerParts;
  readonly contexts: Pick<ContextParts, "directory" | "discard">;
  readonly context: BuildFiles;
  /** Of the Dockerfile. */
  readonly source: Source;
}

export interface Solving extends BuildSources {
  readonly request: BuildRequest;
  readonly tell: (event: BuildEvent) => void;
  readonly hold: BuildHold;
  readonly imported: ImportedCaches;
  readonly notes: StepNotes;
}

/** What the plans' targets ended as; the first failure ends the others. */
export async function solvePlans(
  parts: SolvingParts,
  solving: Solving,
  plans: readonly BuildPlan[],
  op: Operation,
): Promise<StageResult[]> {
  const { contexts, context, source } = parts;
  const { tell, imported } = solving;
  const scratch = mkdtempSync(join(contexts.directory, "inline-"));
  const failure = new AbortController();
  const own: Operation = { ...op, signal: AbortSignal.any([op.signal, failure.signal]) };
  try {
    await using stack = new AsyncDisposableStack();
    const paths = pathsOf(plans);
    const root = paths?.length === 0 ? scratch : await context.gather(paths);
    const solvers: Solver[] = [];
    for (const plan of plans) {
      const first = solvers.reduce((count, { labels }) => count + labels.length, 0);
      solvers.push(solverOf(parts.worker, solving, { plan, first, root, scratch, stack }, own));
    }
    const warnings = plans.flatMap((plan) => plan.warnings.map((warning) => describeWarning(warning, source)));
    tell({
      kind: "planned",
      steps: solvers.flatMap(({ labels }) => labels),
      warnings: [...new Set([...imported.warnings, ...warnings])],
      findings: uniqueFindings(plans),
      source: maskedSource(source),
    });
    return await allOf(solvers, failure);
  } finally {
    contexts.discard(scratch);
  }
}

async function allOf(solvers: readonly Solver[], failure: AbortController): Promise<StageResult[]> {
  const going = solvers.map((solver) => solver.solve());
  let failed: { readonly error: unknown } | null = null;
  for (const one of going) {
    one.catch((error: unknown) => {
      failed ??= { error };
      failure.abort(error);
    });
  }
  await Promise.allSettled(going);
  if (failed !== null) throw (failed as { readonly error: unknown }).error;
  return await Promise.all(going);
}

interface OnePlan {
  readonly plan: BuildPlan;
  /** Steps of the plans before this one. */
  readonly first: number;
  /** The context's files. */
  readonly root: string;
  readonly scratch: string;
  readonly stack: AsyncDisposableStack;
}

function solverOf(
  parts: WorkerParts,
  { request, tell, hold, bases, named, imported, notes }: Solving,
  { plan, first, root, scratch, stack }: OnePlan,
  op: Operation,
): Solver {
  const inputs: InputRoots = stack.use(new InputRoots(parts, (input) => solver.source(input)));
  const { proxies } = plan.frontend;
  const tellOwn = (event: BuildEvent): void => tell("step" in event ? { ...event, step: event.step + first } : event);
  const worker = new StepWorker(parts, { request, hold, inputs, proxies, scratch, tell: tellOwn, imported, notes });
  const solver: Solver = new Solver(
    {
      plan,
      tell: tellOwn,
      image: (input) => bases.of(input),
      context: (input) => (input.from === "named" ? named.source(input.name) : { kind: "directory", path: root }),
      carryOut: (step, stage, number, tree, forOne) => worker.carryOut(step, stage, number, tree, forOne),
    },
    op,
  );
  return solver;
}
