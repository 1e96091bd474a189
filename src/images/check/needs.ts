/** Which blobs images need, by what is on the disk and not by what the daemon remembers. */
import type { Digest } from "../../lib/digest.ts";
import { isKind } from "../../lib/errors.ts";
import { familiarReference } from "../../lib/reference.ts";
import { chainIds, type Descriptor, type Manifest, maxManifestSize, parseConfig, parseManifest } from "../manifest.ts";
import type { Shelf } from "../shelf.ts";

/** A blob that images need. */
export interface Needed {
  readonly blob: Descriptor;
  /** What it is to them. */
  readonly role: "manifest" | "index" | "configuration" | "layer";
  readonly images: Set<Digest>;
  /** Of a layer that is stored unpacked, as those that are made here are: its chain id. */
  readonly chainId?: Digest | undefined;
}

/** The blobs that records name: each image's manifest, and the index that led to it. */
export function manifestsNeeded({ catalog }: Shelf): Needed[] {
  const needed = new Map<Digest, Needed>();
  for (const id of catalog.ids()) {
    const record = catalog.recordOf(id);
    if (!record) continue;
    add(needed, { blob: record.manifest, role: "manifest" }, id);
    const isIndex = record.target.digest !== record.manifest.digest;
    add(needed, { blob: record.target, role: isIndex ? "index" : "manifest" }, id);
  }
  return [...needed.values()];
}

/** The blobs that those manifests name which can be read. */
export function partsNeeded(shelf: Shelf): Needed[] {
  const needed = new Map<Digest, Needed>();
  for (const id of shelf.catalog.ids()) {
    const manifest = manifestOf(shelf, id);
    if (!manifest) continue;
    add(needed, { blob: manifest.config, role: "configuration" }, id);
    const diffIds = diffIdsOf(shelf, id) ?? [];
    const chain = chainIds(diffIds);
    for (const [i, blob] of manifest.layers.entries()) {
      add(needed, { blob, role: "layer", chainId: blob.digest === diffIds[i] ? chain[i] : undefined }, id);
    }
  }
  return [...needed.values()];
}

function add(all: Map<Digest, Needed>, needed: Omit<Needed, "images">, image: Digest): void {
  const known = all.get(needed.blob.digest) ?? { ...needed, images: new Set() };
  known.images.add(image);
  all.set(needed.blob.digest, known);
}

/** What the image's manifest on the disk says; `null` while it cannot be read, which is a finding of its own. */
export function manifestOf({ catalog, content }: Shelf, id: Digest): Manifest | null {
  const record = catalog.recordOf(id);
  if (!record) return null;
  try {
    const parsed = parseManifest(content.read(record.manifest.digest, maxManifestSize), record.manifest.mediaType);
    return parsed.kind === "manifest" ? parsed.manifest : null;
  } catch (error) {
    if (isKind(error, "invalidArgument", "dataLoss", "notFound", "tooLarge")) return null;
    throw error;
  }
}

/** As {@link manifestOf}, of the configuration: the digests of the unpacked layers, lowest first. */
export function diffIdsOf({ content }: Shelf, id: Digest): readonly Digest[] | null {
  try {
    return parseConfig(content.read(id, maxManifestSize)).rootfs.diff_ids;
  } catch (error) {
    if (isKind(error, "invalidArgument", "dataLoss", "notFound", "tooLarge")) return null;
    throw error;
  }
}

/** What people call an image: its first name with a tag, else its id. */
export function shownImage({ catalog }: Shelf, id: Digest): string {
  const name = catalog.namesOf(id).find(({ digest }) => digest === null);
  return name ? familiarReference(name) : id;
}
