/** What images are made of: their blobs one by one, and the files of their layers. */
import { finished, Readable } from "node:stream";
import type { ImageLayers } from "../api/image-files.ts";
import { streamHelper } from "../helper/helper-process.ts";
import type { Operation } from "../lib/operation.ts";
import { familiarReference } from "../lib/reference.ts";
import type { ListLayersRequest } from "../snapshots/list-layers.ts";
import type { Image } from "./catalog.ts";
import { wireDescriptor } from "./manifest.ts";
import type { Shelf } from "./shelf.ts";

/** Images by the names given, in that order; all of them without any. */
export async function imageLayers(shelf: Shelf, names: readonly string[]): Promise<ImageLayers[]> {
  const { catalog } = shelf;
  const images = names.length > 0 ? names.map((name) => catalog.find(name).image) : catalog.readable();
  const described: ImageLayers[] = [];
  for (const image of images) described.push(await describe(shelf, image));
  return described;
}

async function describe(
  { catalog, snapshots }: Shelf,
  { id, record, manifest, file, chain }: Image,
): Promise<ImageLayers> {
  const commands = (file.history ?? []).filter((row) => !row.empty_layer).map((row) => row.created_by ?? "");
  const layers: ImageLayers["Layers"] = [];
  for (const [i, blob] of manifest.layers.entries()) {
    const chainId = chain[i] ?? "";
    layers.push({
      Blob: wireDescriptor(blob),
      DiffID: file.rootfs.diff_ids[i] ?? "",
      ChainID: chainId,
      Size: snapshots.hasLayer(chainId) ? await snapshots.layerSize(chainId) : 0,
      CreatedBy: commands[i] ?? "",
    });
  }
  const names = catalog.namesOf(id).filter(({ digest }) => digest === null);
  return {
    ID: id,
    RepoTags: names.map(familiarReference),
    Manifest: wireDescriptor(record.manifest),
    Config: wireDescriptor(manifest.config),
    Layers: layers,
  };
}

/** Lines of `LayerFile`; the layers stay until the stream has ended or is destroyed. */
export function imageFiles(
  shelf: Shelf,
  name: string,
  query: { readonly from: number; readonly digestsFrom: number | undefined },
  op: Operation,
): Readable {
  const { chain } = shelf.catalog.find(name).image;
  const top = chain.at(-1);
  if (top === undefined) return Readable.from([]);
  const hold = shelf.hold();
  for (const chainId of chain) hold.chains.add(chainId);
  const request: ListLayersRequest = {
    layers: shelf.snapshots.care.directories(top),
    from: query.from,
    digestsFrom: query.digestsFrom ?? null,
  };
  const stream = streamHelper("list-layers", request, op.signal);
  finished(stream, () => {
    hold[Symbol.dispose]();
    void shelf.release(chain, []);
  });
  return stream;
}
