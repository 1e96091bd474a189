/** Makes the statements that a build is asked for. */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Operation } from "../../lib/operation.ts";
import type { BuilderOptions } from "../collaborators.ts";
import type { Target } from "../exporters/image-set.ts";
import type { Statement } from "./attestation-manifest.ts";
import { type Provenance, provenanceOf, provenanceSummary } from "./provenance.ts";
import { sbomOf } from "./sbom.ts";
import type { Wanted } from "./wanted.ts";

type Parts = Pick<BuilderOptions, "snapshots" | "paths">;

/** Those that every output shows, and those that go beside images too. */
export interface Statements {
  readonly always: readonly Statement[];
  readonly besideImages: readonly Statement[];
  /** `buildx.build.provenance` of metadata files; null where there is no provenance. */
  readonly summary: object | null;
}

export async function statementsFor(
  parts: Parts,
  wanted: Wanted,
  target: Target,
  built: Provenance,
  names: readonly string[],
  op: Operation,
): Promise<Statements> {
  const about = { names, platform: target.platform };
  const besideImages: Statement[] = [];
  if (wanted.sbom) {
    const at = target.epoch === null ? built.finishedAt : new Date(target.epoch * 1000);
    const name = names[0] ?? "image";
    const found = await shown(parts, target, async (root) => await sbomOf(root, name, at, op));
    besideImages.push({ ...found, ...about });
  }
  const always = [...besideImages];
  if (wanted.provenance !== null) {
    const statement = { ...provenanceOf(wanted.provenance, built), ...about };
    besideImages.push(statement);
    if (!wanted.provenance.isInlineOnly) always.push(statement);
  }
  return { always, besideImages, summary: wanted.provenance && provenanceSummary(wanted.provenance, built) };
}

async function shown<T>(
  { snapshots, paths }: Parts,
  { layers }: Target,
  look: (root: string) => Promise<T>,
): Promise<T> {
  const root = join(paths.rootfs, randomBytes(32).toString("hex"));
  mkdirSync(root, { recursive: true, mode: 0o700 });
  try {
    const top = layers.at(-1);
    if (top) await snapshots.view(top.chainId, root);
    return await look(root);
  } finally {
    await snapshots.unmount(root);
  }
}
