/** New images made here: a layer of ours, a configuration, a manifest over both. Used by import and commit. */
import type { Readable } from "node:stream";
import type { ContainerConfig } from "../api/containers.ts";
import type { SealedBlob } from "../content/content-store.ts";
import { runHelper } from "../helper/helper-process.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import type { Platform } from "../lib/platform.ts";
import type { Reference } from "../lib/reference.ts";
import type { Image } from "./catalog.ts";
import type { ImagesOptions } from "./images.ts";
import { type Descriptor, mediaTypes, parseConfig, parseManifest } from "./manifest.ts";
import type { ReceiveRequest } from "./receive-helper.ts";
import type { Hold, Shelf } from "./shelf.ts";

/** What images are made with. */
export interface MakeParts extends Pick<ImagesOptions, "applyChanges"> {
  readonly shelf: Shelf;
}

/** What the new image says of itself. */
export interface NewImage {
  readonly base: Image | null;
  readonly config: ContainerConfig;
  readonly platform: Platform;
  readonly author: string;
  readonly comment: string;
  readonly createdBy: string;
  readonly names: readonly Reference[];
}

/** Stores a tar (packed or not) as an uncompressed layer blob; its digest is its diff id. */
export async function storeLayer(shelf: Shelf, hold: Hold, tar: Readable, op: Operation): Promise<Descriptor> {
  const { content } = shelf;
  const request: ReceiveRequest = { contentRoot: content.root, session: content.session() };
  try {
    const sealed = await runHelper<SealedBlob>("receive-layer", request, tar, op.signal);
    const blob = await content.adopt(sealed, hold.lease);
    failPoint("images.layer.received");
    return { mediaType: mediaTypes.ociLayer, ...blob };
  } finally {
    content.dropSession(request.session);
  }
}

/** Makes the image of a stored layer over `base`, and places it. */
export async function makeImage(
  shelf: Shelf,
  hold: Hold,
  layer: Descriptor,
  made: NewImage,
  op: Operation,
): Promise<Image> {
  const created = new Date().toISOString();
  const { base } = made;
  const row = { created, created_by: made.createdBy, author: made.author, comment: made.comment };
  const trimmed = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== ""));
  const file = {
    created,
    ...(made.author === "" ? {} : { author: made.author }),
    ...(made.comment === "" ? {} : { comment: made.comment }),
    architecture: made.platform.architecture,
    ...(made.platform.variant === undefined ? {} : { variant: made.platform.variant }),
    os: made.platform.os,
    config: imageConfig(made.config),
    rootfs: { type: "layers", diff_ids: [...(base?.file.rootfs.diff_ids ?? []), layer.digest] },
    history: [...(base?.file.history ?? []), trimmed],
  };
  const config = await shelf.content.put(Buffer.from(JSON.stringify(file)), hold.lease);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: config.digest, size: config.size },
    layers: [...(base?.manifest.layers ?? []), layer].map(({ mediaType, digest, size }) => ({
      mediaType,
      digest,
      size,
    })),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const stored = await shelf.content.put(bytes, hold.lease);
  const descriptor: Descriptor = { mediaType: mediaTypes.ociManifest, ...stored };
  const parsed = parseManifest(bytes, mediaTypes.ociManifest);
  if (parsed.kind !== "manifest") throw new Error("a manifest of ours did not parse as one");
  return shelf.place(
    {
      id: config.digest,
      file: parseConfig(Buffer.from(JSON.stringify(file))),
      manifest: parsed.manifest,
      manifestDescriptor: descriptor,
      target: descriptor,
      parent: base?.id ?? "",
      names: made.names,
    },
    hold,
    op,
  );
}

/** The part of a container's configuration that belongs into an image; empty fields are left out. */
function imageConfig(config: ContainerConfig): Record<string, unknown> {
  const keys = [
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "StopTimeout",
    "Healthcheck",
    "ArgsEscaped",
    "OnBuild",
    "Shell",
  ] as const;
  return withoutEmpty(Object.fromEntries(keys.map((key) => [key, config[key]])));
}

/** The fields that say something, as configurations of images have them. */
export function withoutEmpty(fields: object): Record<string, unknown> {
  const isEmpty = (value: unknown): boolean =>
    value === undefined ||
    value === null ||
    value === "" ||
    value === false ||
    (typeof value === "object" && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}
