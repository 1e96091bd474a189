/** What plans have come to, given out: images and statements about them to the outputs, steps to the caches. */
import type { Operation } from "../lib/operation.ts";
import { formatPlatform, type Platform } from "../lib/platform.ts";
import { statementsFor } from "./attestations/attest.ts";
import type { Wanted } from "./attestations/wanted.ts";
import type { BuildImages } from "./base-images.ts";
import type { BuildRequest, BuiltImage } from "./builder.ts";
import { cacheConfig } from "./cache/cache-format.ts";
import { exportCaches, type StepNotes } from "./cache/export-cache.ts";
import type { BuilderOptions, BuildHold } from "./collaborators.ts";
import type { BuildPlan } from "./dockerfile/plan/plan.ts";
import { base64Json, exportAll } from "./exporters/export-all.ts";
import type { Target } from "./exporters/image-set.ts";
import { squashed } from "./exporters/squash.ts";
import { imageFile } from "./image-file.ts";
import type { StageResult } from "./solver/solver.ts";

type Parts = Pick<BuilderOptions, "images" | "snapshots" | "paths"> & { readonly hold: BuildHold };

export interface SolvedBuild {
  readonly request: BuildRequest;
  readonly wanted: Wanted;
  /** For each platform. */
  readonly plans: readonly BuildPlan[];
  /** What the plans' targets ended as. */
  readonly results: readonly StageResult[];
  readonly notes: StepNotes;
  readonly bases: BuildImages;
  readonly startedAt: Date;
  /** Where the context came from, without credentials; null for a client's own files. */
  readonly contextAddress: string | null;
}

export async function giveOut(parts: Parts, solved: SolvedBuild, op: Operation): Promise<BuiltImage> {
  const { request, plans, results, notes } = solved;
  const { names, auths, cacheTo } = request;
  const targets: Target[] = [];
  const forImages: Target[] = [];
  const summaries: [Platform, object | null][] = [];
  for (const [i, plan] of plans.entries()) {
    const target = targetOf(plan, results[i]!, inlineCacheOf(request, plan, notes));
    const made = request.squash ? await squashed(parts, target, op) : target;
    const statements = await attest(parts, solved, plan, made, op);
    summaries.push([target.platform, statements.summary]);
    targets.push({ ...made, statements: statements.always });
    forImages.push({ ...made, statements: statements.besideImages });
  }
  const built = await exportAll(parts, { targets, forImages, names, auths, outputs: request.outputs }, op);
  const trees = results.map(({ tree }) => tree);
  const cached = await exportCaches(parts, cacheTo, { notes, trees, auths }, op);
  return { ...built, facts: { ...built.facts, ...cached, ...provenanceFacts(summaries) } };
}

/** Where buildx's metadata file has them. */
function provenanceFacts(summaries: readonly (readonly [Platform, object | null])[]): Record<string, string> {
  const facts: Record<string, string> = {};
  for (const [platform, summary] of summaries) {
    const name = summaries.length === 1 ? "" : `/${formatPlatform(platform)}`;
    if (summary !== null) facts[`buildx.build.provenance${name}`] = base64Json(summary);
  }
  return facts;
}

async function attest(parts: Parts, solved: SolvedBuild, plan: BuildPlan, target: Target, op: Operation) {
  const { request, wanted, bases, startedAt, contextAddress } = solved;
  const base = (reference: string, platform: Platform) => bases.of({ from: "image", reference, platform });
  const built = { request, plan, contextAddress, startedAt, finishedAt: new Date(), base };
  return await statementsFor(parts, wanted, target, built, request.names, op);
}

/** The cache that goes into the image, where it is asked for. */
function inlineCacheOf(
  { cacheTo }: BuildRequest,
  { frontend }: BuildPlan,
  notes: StepNotes,
): (tree: StageResult["tree"]) => Pick<Target, "inlineCache"> {
  if (!frontend.inlineCache && !cacheTo.some(({ type }) => type === "inline")) return () => ({});
  return (tree) => ({ inlineCache: (stored) => cacheConfig(notes.within([tree]), stored) });
}

function targetOf(plan: BuildPlan, result: StageResult, inline: ReturnType<typeof inlineCacheOf>): Target {
  const { os, architecture, variant } = plan.target.image;
  return {
    platform: variant ? { os, architecture, variant } : { os, architecture },
    file: imageFile(plan.target, result, plan.frontend.epoch),
    layers: result.tree,
    baseLayers: result.root?.layers.length ?? 0,
    parent: result.root?.id ?? "",
    statements: [],
    epoch: plan.frontend.epoch,
    ...inline(result.tree),
  };
}
