/** Asking a daemon what images are made of. */
import type { ImageLayers, LayerFile } from "../../api/image-files.ts";
import { paths } from "../../api/paths.ts";
import type { Client } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import { ofDhow } from "../own-route.ts";

/** What images are stored as and unpacked to, by the names given, in that order. */
export function layersOf(client: Client, names: readonly string[], what: string): Promise<ImageLayers[]> {
  return ofDhow(what, () => client.json<ImageLayers[]>(to(paths.imageLayers, {}, { names })));
}

/** All files of an image's layers from the layer `from` on, those from `digestsFrom` on with digests. */
export async function filesOf(
  client: Client,
  name: string,
  query: { readonly from?: number; readonly digestsFrom?: number },
): Promise<LayerFile[]> {
  const files: LayerFile[] = [];
  for await (const file of client.jsonStream<LayerFile>(to(paths.imageFiles, { name }, query))) files.push(file);
  return files;
}
