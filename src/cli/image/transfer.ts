/** Moving images between engines: what the other one lacks, and a stream of that alone. */

import type { ImageLayers } from "../../api/image-files.ts";
import type { ImageLacks, ImageLacksRequest, ImageSaveRequest } from "../../api/image-transfer.ts";
import type { OCIDescriptor } from "../../api/images.ts";
import { paths } from "../../api/paths.ts";
import type { Client } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import { type Digest, parseDigest } from "../../lib/digest.ts";
import { openInput } from "../input-file.ts";

/** The digests in a file, one a line; throws for a line that is none. */
export async function readDigests(path: string): Promise<Digest[]> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of await openInput(path)) text += decoder.decode(bytes, { stream: true });
  const lines = (text + decoder.decode()).split("\n").map((line) => line.trim());
  return [...new Set(lines.filter((line) => line !== ""))].map(parseDigest);
}

/** An archive of images without some of their layers. */
export function savedParts(client: Client, request: ImageSaveRequest): ReturnType<Client["stream"]> {
  return client.stream(to(paths.imageSaveParts), { json: request });
}

/** All blobs of images, each once: layers, configurations, manifests. */
export function blobsOf(images: readonly ImageLayers[]): OCIDescriptor[] {
  const all = images.flatMap(({ Manifest, Config, Layers }) => [...Layers.map(({ Blob }) => Blob), Config, Manifest]);
  return [...new Map(all.map((blob) => [blob.digest, blob])).values()];
}

/** The layers' blobs of images that the engine behind `client` lacks. */
export async function lackingOf(client: Client, images: readonly ImageLayers[]): Promise<Set<string>> {
  const layers = images.flatMap(({ Layers }) => Layers.map(({ Blob }) => Blob));
  const Blobs = layers.map(({ digest, size }) => ({ Digest: parseDigest(digest), Size: size }));
  const request: ImageLacksRequest = { Blobs };
  const { Lacks } = await client.json<ImageLacks>(to(paths.imageLacks), { json: request });
  return new Set(Lacks);
}
