/** `save`: images as one tar that both Docker's `load` and tools for OCI layouts read. */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { type Digest, hexOf } from "../lib/digest.ts";
import { isKind, notFound } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { formatPlatform, parsePlatform, platformMatch } from "../lib/platform.ts";
import {
  familiarReference,
  formatReference,
  isIdPrefix,
  parseReference,
  type Reference,
  repositoryOf,
} from "../lib/reference.ts";
import { tarEnd, tarHeader, tarPadding } from "../lib/tar/writer.ts";
import type { Image } from "./catalog.ts";
import { besides, isWhole } from "./index-content.ts";
import { mediaTypes, platformOf } from "./manifest.ts";
import type { Shelf } from "./shelf.ts";

export interface SaveQuery {
  readonly platforms: readonly string[];
  /** Layers' blobs that are left out, because whoever loads the archive has them. */
  readonly without?: ReadonlySet<Digest>;
}

/** Finds all images first, so that an unknown name fails the call and not the stream. */
export function save(shelf: Shelf, names: readonly string[], query: SaveQuery, op: Operation): Readable {
  const wanted = new Map<Digest, { image: Image; names: Map<string, Reference> }>();
  for (const { text, image, name } of names.flatMap((text) => meant(shelf, text))) {
    for (const platform of query.platforms) {
      if (platformMatch(parsePlatform(platform), platformOf(image.file)) < 0) {
        throw notFound(`no suitable export target found for platform ${formatPlatform(parsePlatform(platform))}`);
      }
    }
    const entry = wanted.get(image.id) ?? { image, names: new Map() };
    wanted.set(image.id, entry);
    const named = name?.tag ? name : name === null && !isIdPrefix(text) ? parseReference(text) : null;
    if (named) entry.names.set(formatReference(named), named);
  }
  const found = [...wanted.values()].map(({ image, names }) => ({ image, names: [...names.values()] }));
  return Readable.from(archive(shelf, found, query.without ?? new Set(), op), {
    objectMode: false,
    highWaterMark: 1 << 20,
  });
}

/** A repository alone means all of its tags. */
function meant({ catalog }: Shelf, text: string): { text: string; image: Image; name: Reference | null }[] {
  const reference = isIdPrefix(text) ? null : parseReference(text);
  if (reference === null || reference.digest !== null) return [{ text, ...catalog.find(text) }];
  if (reference.tag === null) {
    const tagged = catalog.readable().flatMap((image) => {
      const names = catalog.namesOf(image.id).filter(({ tag }) => tag !== null);
      return names.filter((name) => repositoryOf(name) === repositoryOf(reference)).map((name) => ({ image, name }));
    });
    if (tagged.length > 0) return tagged.map((one) => ({ text, ...one }));
  }
  try {
    return [{ text, ...catalog.find(text) }];
  } catch (error) {
    if (!isKind(error, "notFound")) throw error;
    throw notFound(reference.tag === null ? `No such image: ${text}` : "reference does not exist");
  }
}

async function* archive(
  shelf: Shelf,
  wanted: readonly { image: Image; names: Reference[] }[],
  without: ReadonlySet<Digest>,
  op: Operation,
): AsyncGenerator<Uint8Array> {
  const { content } = shelf;
  using hold = shelf.hold();
  const blobs = new Set<Digest>();
  for (const { image } of wanted) {
    for (const { digest } of image.manifest.layers) if (!without.has(digest)) blobs.add(digest);
    blobs.add(image.id);
    blobs.add(image.record.manifest.digest);
    if (!isWhole(content, image.record)) continue;
    for (const { digest } of [...besides(content, image.record), image.record.target])
      if (!without.has(digest)) blobs.add(digest);
  }
  for (const digest of blobs) hold.lease.add(digest);
  const file = function* (path: string, text: string): Generator<Uint8Array> {
    const bytes = Buffer.from(text);
    yield tarHeader({ path: Buffer.from(path), type: "file", mode: 0o644, size: bytes.length });
    yield bytes;
    yield tarPadding(bytes.length);
  };
  for (const dir of ["blobs/", "blobs/sha256/"])
    yield tarHeader({ path: Buffer.from(dir), type: "directory", mode: 0o755 });
  for (const digest of blobs) {
    const size = content.size(digest);
    if (size === null) throw notFound(`content ${digest} not found`);
    yield tarHeader({ path: Buffer.from(blobPath(digest)), type: "file", mode: 0o644, size });
    for await (const chunk of createReadStream(content.path(digest), { highWaterMark: 1 << 20 })) {
      op.signal.throwIfAborted();
      yield chunk as Uint8Array;
    }
    yield tarPadding(size);
  }
  const manifests = wanted.flatMap(({ image, names }) => {
    const { manifest, target } = image.record;
    const { mediaType, digest, size } = isWhole(content, image.record) ? target : manifest;
    const named = names.map((name) => ({
      "io.containerd.image.name": formatReference(name),
      "org.opencontainers.image.ref.name": name.tag ?? "",
    }));
    return (named.length > 0 ? named : [undefined]).map((annotations) => ({ mediaType, digest, size, annotations }));
  });
  yield* file("index.json", JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const docker = wanted.map(({ image, names }) => ({
    Config: blobPath(image.id),
    RepoTags: names.length > 0 ? names.map(familiarReference) : null,
    Layers: image.manifest.layers.map((layer) => blobPath(layer.digest)),
  }));
  yield* file("manifest.json", JSON.stringify(docker));
  yield* file("oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  for (const { image } of wanted) shelf.catalog.emit("save", image.id);
  yield tarEnd;
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
