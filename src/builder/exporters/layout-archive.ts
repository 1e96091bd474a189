/** A set of images as the files of an OCI layout: in one tar, as Docker's `load` reads it too, or blob by blob to a client. */
import { createReadStream } from "node:fs";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Descriptor, isForeign, mediaTypes } from "../../images/manifest.ts";
import { type Digest, hexOf } from "../../lib/digest.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { familiarReference, formatReference, parseReference, withDefaultTag } from "../../lib/reference.ts";
import { tarEnd, tarHeader, tarPadding } from "../../lib/tar/writer.ts";
import type { ClientBlobs } from "../request-results.ts";
import type { ImageSet } from "./image-set.ts";

export interface LayoutRequest {
  readonly set: ImageSet;
  /** As the user wrote them. */
  readonly names: readonly string[];
  /** With `manifest.json`, which holds one image. */
  readonly isDocker: boolean;
  /** Seconds since 1970 of the archive's members. */
  readonly epoch: number | null;
  pathOf(blob: Descriptor): string;
}

/** Writes the tar and ends `to`, or destroys it when that fails. */
export async function writeLayout(request: LayoutRequest, to: Writable, op: Operation): Promise<void> {
  if (request.isDocker && request.set.images.length > 1) {
    to.destroy();
    throw invalidArgument("docker exporter does not currently support exporting manifest lists: use type=oci");
  }
  await pipeline(members(request, op), to, { signal: op.signal });
}

/** All that the layout names, each once. */
function blobsOf({ blobs, manifests }: ImageSet): Descriptor[] {
  const all = [...blobs.filter((blob) => !isForeign(blob)), ...manifests];
  return [...new Map(all.map((blob) => [blob.digest, blob])).values()];
}

async function* members(request: LayoutRequest, op: Operation): AsyncGenerator<Uint8Array> {
  const mtime = { sec: request.epoch ?? 0, nsec: 0 };
  for (const path of ["blobs/", "blobs/sha256/"]) {
    yield tarHeader({ path: Buffer.from(path), type: "directory", mode: 0o755, mtime });
  }
  for (const blob of blobsOf(request.set).sort((a, b) => (a.digest < b.digest ? -1 : 1))) {
    const path = Buffer.from(pathIn(blob.digest));
    yield tarHeader({ path, type: "file", mode: 0o644, size: blob.size, mtime });
    yield* bytesOf(request, blob, op);
    yield tarPadding(blob.size);
  }
  const texts: Record<string, unknown> = {
    "index.json": layoutIndex(request),
    ...(request.isDocker ? { "manifest.json": dockerManifest(request) } : {}),
    "oci-layout": { imageLayoutVersion: "1.0.0" },
  };
  for (const [name, value] of Object.entries(texts)) {
    const bytes = Buffer.from(JSON.stringify(value));
    yield tarHeader({ path: Buffer.from(name), type: "file", mode: 0o644, size: bytes.length, mtime });
    yield bytes;
    yield tarPadding(bytes.length);
  }
  yield tarEnd;
}

async function* bytesOf({ pathOf }: LayoutRequest, blob: Descriptor, op: Operation): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(pathOf(blob), { highWaterMark: 1 << 20 })) {
    op.signal.throwIfAborted();
    yield chunk as Uint8Array;
  }
}

const pathIn = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;

function layoutIndex({ set, names }: LayoutRequest): object {
  const { mediaType, digest, size } = set.top;
  const named = names.map((name) => {
    const reference = withDefaultTag(parseReference(name));
    return {
      "io.containerd.image.name": formatReference(reference),
      "org.opencontainers.image.ref.name": reference.tag ?? "latest",
    };
  });
  const manifests = (named.length > 0 ? named : [undefined]).map((annotations) => ({
    mediaType,
    digest,
    size,
    ...(annotations && { annotations }),
  }));
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
}

function dockerManifest({ set, names }: LayoutRequest): object {
  const tags = names.map((name) => familiarReference(withDefaultTag(parseReference(name))));
  return set.images.map(({ config }) => {
    const at = set.blobs.findIndex(({ digest }) => digest === config.digest);
    const layers = set.blobs.slice(0, at).map(({ digest }) => pathIn(digest));
    return { Config: pathIn(config.digest), RepoTags: tags.length > 0 ? tags : null, Layers: layers };
  });
}

/** Gives a client's layout what it lacks; the client itself names the top, which it is told. */
export async function sendBlobs(
  set: Pick<ImageSet, "blobs" | "manifests">,
  pathOf: LayoutRequest["pathOf"],
  to: ClientBlobs,
  op: Operation,
): Promise<void> {
  const all = new Map(
    [...set.blobs.filter((blob) => !isForeign(blob)), ...set.manifests].map((one) => [one.digest, one]),
  );
  for (const blob of all.values()) {
    op.signal.throwIfAborted();
    if (await to.has(blob, op)) continue;
    await to.write(blob, createReadStream(pathOf(blob), { highWaterMark: 1 << 18 }), op);
  }
}
