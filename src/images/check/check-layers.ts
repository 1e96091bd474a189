/** Every unpacked layer of an image, held against the blob that it was unpacked from. */
import type { Digest } from "../../lib/digest.ts";
import { conflict, isKind, messageOf } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { LayerComparison } from "../../snapshots/compare/compare-layer.ts";
import type { LayerRequest } from "../../snapshots/snapshotter.ts";
import { chainIds, type Descriptor, maxManifestSize, parseConfig } from "../manifest.ts";
import type { Shelf } from "../shelf.ts";
import type { BlobHealth } from "./blob-health.ts";
import { manifestOf, shownImage } from "./check-blobs.ts";
import type { CheckReport, ImageCheckRequest } from "./report.ts";

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

function diffIdsOf({ content }: Shelf, id: Digest): readonly Digest[] | null {
  try {
    return parseConfig(content.read(id, maxManifestSize)).rootfs.diff_ids;
  } catch (error) {
    if (isKind(error, "invalidArgument", "dataLoss", "notFound", "tooLarge")) return null;
    throw error;
  }
}

async function checkLayer(
  shelf: Shelf,
  health: BlobHealth,
  { request, blob, images }: Layer,
  { readersOf }: ImageCheckRequest,
  report: CheckReport,
  op: Operation,
): Promise<void> {
  const { snapshots, content, catalog } = shelf;
  const { chainId } = request;
  const isWhole = health.problem(blob) === null;
  const hold = shelf.hold();
  try {
    hold.chains.add(chainId);
    hold.lease.add(blob.digest);
    if (!images.some((id) => catalog.recordOf(id))) return; // removed meanwhile
    const body = content.path(blob.digest);
    const damage = await damageOf();
    if (damage === null) return;
    const advice = isWhole
      ? "dhow system check --repair unpacks it again"
      : "its blob has to be repaired before it can be unpacked again";
    const usedBy = images.map((id) => shownImage(shelf, id));
    const found = { kind: "layer" as const, id: chainId, usedBy, ...damage, advice };
    if (!isWhole) await report.finding(found);
    else
      await report.finding(found, async () => {
        const checkFree = (): void => {
          const readers = readersOf(chainId, new Set(images));
          if (readers.length > 0) throw conflict(`in use by ${readers.join(", ")}: stop it and repair again`);
        };
        checkFree(); // before the work, and again when it is done
        await snapshots.care.replace(request, body, checkFree, op);
        return "unpacked again";
      });
  } finally {
    hold[Symbol.dispose]();
    await shelf.release([chainId], [blob.digest]);
  }

  /** What is wrong with the layer, as far as can be told. */
  async function damageOf(): Promise<{ problem: string; details?: string[] } | null> {
    if (!snapshots.hasLayer(chainId)) return { problem: "it is not unpacked" };
    const record = snapshots.care.problem(request);
    if (record !== null) return { problem: record };
    if (!isWhole) return null;
    let comparison: LayerComparison;
    try {
      comparison = await snapshots.care.compare(chainId, content.path(blob.digest), op);
    } catch (error) {
      op.signal.throwIfAborted();
      return { problem: `it cannot be compared with its blob: ${messageOf(error)}` };
    }
    const { differences, told } = comparison;
    if (differences === 0) return null;
    return {
      problem: `${differences === 1 ? "one file differs" : `${differences} files differ`} from its blob`,
      details: told.map(({ path, problem }) => `${path}: ${problem}`),
    };
  }
}
