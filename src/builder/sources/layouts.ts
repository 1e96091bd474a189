/** Images in OCI layouts of the client's, `--build-context NAME=oci-layout://…`. */
import {
  chainIds,
  checkMediaTypes,
  type Descriptor,
  type Manifest,
  maxManifestSize,
  parseConfig,
  parseManifest,
} from "../../images/manifest.ts";
import { type Digest, isDigest } from "../../lib/digest.ts";
import { invalidArgument, notFound } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { formatPlatform, type Platform, platformMatch } from "../../lib/platform.ts";
import { type BuilderOptions, type BuildHold, holdLayers, type ImageBase, type Layer } from "../collaborators.ts";
import type { ClientBlobs } from "../request-results.ts";
import { readBlob } from "../session/blob-bytes.ts";

/** An image in a layout, or several by platform. */
export interface Layout {
  /** Of the context. */
  readonly name: string;
  readonly blobs: ClientBlobs;
  /** Of the manifest or index. */
  readonly digest: Digest;
}

const scheme = "oci-layout://";

/** `oci-layout://STORE[:TAG]@DIGEST`, as clients write it for a builder; null for an address of another kind. */
export function parseLayoutAddress(address: string): { readonly store: string; readonly digest: Digest } | null {
  if (!address.toLowerCase().startsWith(scheme)) return null;
  const [, store = "", digest = ""] = /^([^:@/]+)(?::[^@]*)?@(.+)$/.exec(address.slice(scheme.length)) ?? [];
  if (store === "" || !isDigest(digest))
    throw invalidArgument(`invalid context ${address}: want ${scheme}STORE@DIGEST`);
  return { store, digest };
}

export const layoutReference = ({ name, digest }: Pick<Layout, "name" | "digest">): string =>
  `${scheme}${name}@${digest}`;

/** The name and the digest that {@link layoutReference} was made of; null for a reference of another kind. */
export function readLayoutReference(reference: string): { readonly name: string; readonly digest: string } | null {
  const [, name, digest] = /^oci-layout:\/\/(.*)@(sha256:[0-9a-f]{64})$/.exec(reference) ?? [];
  return name === undefined || digest === undefined ? null : { name, digest };
}

type Parts = Pick<BuilderOptions, "images" | "snapshots"> & { readonly hold: BuildHold };

/** Brings the image for the platform here, unpacked and held; its digests are checked on the way. */
export async function fetchLayout(parts: Parts, layout: Layout, platform: Platform, op: Operation): Promise<ImageBase> {
  const { blobs } = layout;
  const manifest = await manifestFor(layout, platform, op);
  checkMediaTypes(manifest);
  const { digest: id, size } = manifest.config;
  if (size > maxManifestSize) throw invalidArgument(`the configuration ${id} is too large`);
  const file = parseConfig(await readBlob(blobs, id, maxManifestSize, op));
  const diffIds = file.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw invalidArgument(`image ${id} has ${manifest.layers.length} layers, its configuration ${diffIds.length}`);
  }
  const chain = chainIds(diffIds);
  const layers: Layer[] = [];
  for (const [i, blob] of manifest.layers.entries()) {
    const layer: Layer = { blob, diffId: diffIds[i]!, chainId: chain[i]! };
    holdLayers(parts.hold, [layer]);
    await parts.images.outputs.receive(parts.hold, blob, await blobs.read(blob.digest, op));
    const { chainId, diffId } = layer;
    await parts.snapshots.applyLayer({ chainId, parent: chain[i - 1] ?? null, diffId }, parts.images.pathOf(blob), op);
    layers.push(layer);
  }
  return { id, reference: layoutReference(layout), file, layers };
}

const maxDepth = 3;

/** Of entries that fit equally well the first is taken, as with Docker. */
async function manifestFor({ name, blobs, digest }: Layout, platform: Platform, op: Operation): Promise<Manifest> {
  let at: Pick<Descriptor, "digest" | "mediaType"> = { digest, mediaType: "" };
  for (let depth = 0; depth <= maxDepth; depth++) {
    const parsed = parseManifest(await readBlob(blobs, at.digest, maxManifestSize, op), at.mediaType);
    if (parsed.kind === "manifest") return parsed.manifest;
    let best: { readonly score: number; readonly entry: Descriptor } | null = null;
    for (const entry of parsed.index.manifests) {
      const score = entry.platform ? platformMatch(platform, entry.platform) : 0;
      if (score >= 0 && (best === null || score > best.score)) best = { score, entry };
    }
    if (best === null) break;
    at = best.entry;
  }
  throw notFound(`the OCI layout ${name} has no image for ${formatPlatform(platform)}`);
}
