/** `--squash`: all that was built above the base image as one layer. */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { streamHelper } from "../../helper/helper-process.ts";
import { chainIds } from "../../images/manifest.ts";
import type { Operation } from "../../lib/operation.ts";
import type { FlattenRequest } from "../../snapshots/native-tree.ts";
import { type BuilderOptions, type BuildHold, holdLayers, type Layer } from "../collaborators.ts";
import type { Target } from "./image-set.ts";

type Parts = Pick<BuilderOptions, "images" | "snapshots" | "paths"> & { readonly hold: BuildHold };

/** The target with one layer above its base; as it is where there is no more than one. */
export async function squashed(parts: Parts, target: Target, op: Operation): Promise<Target> {
  const base = target.layers.slice(0, target.baseLayers);
  const top = target.layers.at(-1);
  if (!top || target.layers.length - base.length < 2) return target;
  const layer = await mergedLayer(parts, base, top, op);
  return { ...target, layers: [...base, layer], file: squashedFile(target, layer) };
}

async function mergedLayer(
  { images, snapshots, paths, hold }: Parts,
  base: readonly Layer[],
  top: Layer,
  op: Operation,
): Promise<Layer> {
  const shown = join(paths.rootfs, randomBytes(32).toString("hex"));
  mkdirSync(shown, { recursive: true, mode: 0o700 });
  const below = base.at(-1);
  const layers = below ? snapshots.care.directories(below.chainId).reverse() : [];
  const above = snapshots.care.directories(top.chainId).slice(base.length).reverse();
  const request: FlattenRequest = { layers, target: shown, above };
  try {
    await snapshots.view(top.chainId, shown);
    const blob = await images.store(hold, streamHelper("pack-changes", request, op.signal), op);
    const diffIds = [...base.map(({ diffId }) => diffId), blob.digest];
    const layer: Layer = { blob, diffId: blob.digest, chainId: chainIds(diffIds).at(-1)! };
    holdLayers(hold, [layer]);
    const applied = { chainId: layer.chainId, parent: below?.chainId ?? null, diffId: layer.diffId };
    await snapshots.applyLayer(applied, images.pathOf(blob), op);
    return layer;
  } finally {
    await snapshots.unmount(shown);
  }
}

interface Row {
  readonly empty_layer?: boolean;
  readonly created?: string;
}

/** The rows stay, and say that they have no layer; the last one has it. */
function squashedFile({ file, layers, baseLayers }: Target, layer: Layer): Record<string, unknown> {
  let left = baseLayers;
  const rows = (file.history as readonly Row[]).map((row) => {
    if (row.empty_layer || left-- > 0) return row;
    return { ...row, empty_layer: true };
  });
  const created = rows.at(-1)?.created ?? (file.created as string);
  const comment = `merge of ${layers.length - baseLayers} layers`;
  const diffIds = [...layers.slice(0, baseLayers), layer].map(({ diffId }) => diffId);
  return {
    ...file,
    rootfs: { type: "layers", diff_ids: diffIds },
    history: [...rows, { created, created_by: "", comment }],
  };
}
