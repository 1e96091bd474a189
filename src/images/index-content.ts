/** What an image's index lists besides its own manifest: other platforms, and attestations. */
import type { ContentStore } from "../content/content-store.ts";
import { type Descriptor, isForeign, type Manifest, maxManifestSize, parseManifest } from "./manifest.ts";
import type { ImageRecord } from "./record.ts";

/** A manifest that an index lists, with its blobs; null where its bytes are not here. */
export interface Listed {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest | null;
}

/** The manifests of the index that the record's name led to; none where it led to the manifest itself, or where the index is not here. */
export function listed(
  content: ContentStore,
  { manifest, target }: Pick<ImageRecord, "manifest" | "target">,
): Listed[] {
  if (target.digest === manifest.digest || !content.has(target.digest)) return [];
  const parsed = parseManifest(content.read(target.digest, maxManifestSize), target.mediaType);
  if (parsed.kind !== "index") return [];
  return parsed.index.manifests.map((descriptor) => ({ descriptor, manifest: manifestOf(content, descriptor) }));
}

function manifestOf(content: ContentStore, { digest, mediaType }: Descriptor): Manifest | null {
  if (!content.has(digest)) return null;
  const parsed = parseManifest(content.read(digest, maxManifestSize), mediaType);
  return parsed.kind === "manifest" ? parsed.manifest : null;
}

/** Manifests of the index that are here, and their configurations and layers. */
export function besides(content: ContentStore, record: Pick<ImageRecord, "manifest" | "target">): Descriptor[] {
  return listed(content, record).flatMap(({ descriptor, manifest }) =>
    manifest === null ? [] : [descriptor, manifest.config, ...manifest.layers],
  );
}

/** True where the index and all that it lists is here: as of an image that was built with it. */
export function isWhole(content: ContentStore, record: Pick<ImageRecord, "manifest" | "target">): boolean {
  const all = listed(content, record);
  const isHere = (blob: Descriptor): boolean => isForeign(blob) || content.has(blob.digest);
  return (
    all.length > 0 &&
    all.every(({ manifest }) => manifest !== null && [manifest.config, ...manifest.layers].every(isHere))
  );
}
