/** Every unpacked layer of an image, held against the blob that it was unpacked from. */
import type { Digest } from "../../lib/digest.ts";
import { conflict, messageOf } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { LayerRequest } from "../../snapshots/snapshotter.ts";
import { chainIds, type Descriptor } from "../manifest.ts";
import type { Shelf } from "../shelf.ts";
import type { BlobHealth } from "./blob-health.ts";
import { diffIdsOf, manifestOf, shownImage } from "./needs.ts";
import type { CheckReport, Found, ImageCheckRequest } from "./report.ts";

/** One layer, with a blob to compare it with. */
interface Layer {
  readonly request: LayerRequest & { readonly chainId: Digest };
  blob: Descriptor;
  readonly images: Digest[];
}

/** Compares all layers, lower ones first; answers how many there are. */
export async function checkLayers(
  shelf: Shelf,
  health: BlobHealth,
  request: ImageCheckRequest,
  report: CheckReport,
  op: Operation,
): Promise<number> {
  const layers = [...layersOf(shelf, health).values()];
  for (const [done, layer] of layers.entries()) {
    op.signal.throwIfAborted();
    report.progress({ Stage: "layers", Done: done, Total: layers.length });
    await checkLayer(shelf, health, layer, request, report, op);
  }
  return layers.length;
}

/** All layers by chain id, each behind the one below it. */
function layersOf(shelf: Shelf, health: BlobHealth): Map<Digest, Layer> {
  const layers = new Map<Digest, Layer>();
  for (const id of shelf.catalog.ids()) {
    const manifest = manifestOf(shelf, id);
    const diffIds = diffIdsOf(shelf, id);
    if (!manifest || !diffIds) continue;
    const chain = chainIds(diffIds);
    for (const [i, blob] of manifest.layers.entries()) {
      const [chainId, diffId] = [chain[i], diffIds[i]];
      if (chainId === undefined || diffId === undefined) continue;
      const known = layers.get(chainId);
      known?.images.push(id);
      // Images may have the same layer packed in different ways; one whole blob will do.
      if (known && health.problem(known.blob) !== null) known.blob = blob;
      if (!known)
        layers.set(chainId, { request: { chainId, parent: chain[i - 1] ?? null, diffId }, blob, images: [id] });
    }
  }
  return layers;
}

async function checkLayer(
  shelf: Shelf,
  health: BlobHealth,
  layer: Layer,
  { readersOf }: ImageCheckRequest,
  report: CheckReport,
  op: Operation,
): Promise<void> {
  const { request, blob, images } = layer;
  const { chainId } = request;
  const body = health.problem(blob) === null ? shelf.content.path(blob.digest) : null;
  const hold = shelf.hold();
  try {
    hold.chains.add(chainId);
    hold.lease.add(blob.digest);
    if (!images.some((id) => shelf.catalog.recordOf(id))) return; // removed meanwhile
    const damage = await damageOf(shelf, request, body, op);
    if (damage === null) return;
    const usedBy = images.map((id) => shownImage(shelf, id));
    const found = { kind: "layer" as const, id: chainId, usedBy, ...damage };
    if (body === null) {
      await report.finding({ ...found, advice: "its blob has to be repaired before it can be unpacked again" });
      return;
    }
    const checkFree = (): void => {
      const readers = readersOf(chainId, new Set(images));
      if (readers.length > 0) throw conflict(`in use by ${readers.join(", ")}: stop it and repair again`);
    };
    await report.finding({ ...found, advice: "dhow system check --repair unpacks it again" }, async () => {
      checkFree(); // before the work, and again when it is done
      await shelf.snapshots.care.replace(request, body, checkFree, op);
      return "unpacked again";
    });
  } finally {
    hold[Symbol.dispose]();
    await shelf.release([chainId], [blob.digest]);
  }
}

/** What is wrong with a layer, as far as can be told: its files only while its blob (`body`) is whole. */
async function damageOf(
  { snapshots }: Shelf,
  request: Layer["request"],
  body: string | null,
  op: Operation,
): Promise<Pick<Found, "problem" | "details"> | null> {
  const { chainId } = request;
  if (!snapshots.hasLayer(chainId)) return { problem: "it is not unpacked" };
  const problem = snapshots.care.problem(request);
  if (problem !== null) return { problem };
  if (body === null) return null;
  try {
    const { differences, told } = await snapshots.care.compare(chainId, body, op);
    if (differences === 0) return null;
    return {
      problem: `${differences === 1 ? "one file differs" : `${differences} files differ`} from its blob`,
      details: told.map(({ path, problem }) => `${path}: ${problem}`),
    };
  } catch (error) {
    op.signal.throwIfAborted();
    return { problem: `it cannot be compared with its blob: ${messageOf(error)}` };
  }
}
