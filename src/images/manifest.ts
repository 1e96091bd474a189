/** Manifests, indexes and image configurations as they come from outside: parsed once, bounded, then trusted. */
import * as v from "valibot";
import { ContainerConfig } from "../api/containers.ts";
import type { OCIDescriptor } from "../api/images.ts";
import { describeIssues } from "../api/wire.ts";
import { type Digest, digestProblem, isDigest } from "../lib/digest.ts";
import { invalidArgument } from "../lib/errors.ts";
import type { Platform as PlatformName } from "../lib/platform.ts";
import { parseStrictJson } from "../lib/strict-json.ts";

export const mediaTypes = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
} as const;

/** Layers that can be unpacked; a foreign one has its bytes elsewhere, an encrypted one none that we could read. */
const layerType =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(?:gzip|zstd))?|docker\.image\.rootfs\.diff\.tar(?:\.(?:gzip|zstd))?)$/;

export const isLayerType = (mediaType: string): boolean => layerType.test(mediaType);

/** A layer that travels as it is, and not with its image. */
export const isForeign = ({ mediaType }: { readonly mediaType: string }): boolean =>
  mediaType.includes(".nondistributable.") || mediaType.includes(".foreign.");

/** A layer that nothing packs yet. */
export const isUnpacked = ({ mediaType }: { readonly mediaType: string }): boolean =>
  mediaType === mediaTypes.ociLayer || mediaType === mediaTypes.dockerLayer;

/** Configurations of images, and what old registries called them instead; dockerd takes the same. */
const configTypes: ReadonlySet<string> = new Set([
  mediaTypes.ociConfig,
  mediaTypes.dockerConfig,
  "application/octet-stream",
  "application/json",
  "text/html",
  "",
]);

/** Throws `invalidArgument` naming what kind of thing an image cannot be made of. */
export function checkMediaTypes({ config, layers }: Manifest): void {
  if (!configTypes.has(config.mediaType)) {
    throw invalidArgument(`unsupported media type ${JSON.stringify(config.mediaType)} of an image's config`);
  }
  for (const { mediaType } of layers) {
    if (!layerType.test(mediaType)) throw invalidArgument(`unsupported layer media type ${JSON.stringify(mediaType)}`);
  }
}

/** Most bytes of a manifest, an index or a configuration. */
export const maxManifestSize = 8 * 1024 * 1024;
/** Most layers of an image: what overlayfs stacks. */
export const maxLayers = 127;
/** Most entries of an index. */
export const maxIndexEntries = 10_000;

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const text = v.optional(v.nullable(v.string()), undefined);
const digest = v.custom<Digest>(isDigest, ({ input }) => digestProblem(input));
const Platform = v.object({
  os: v.optional(v.string(), ""),
  architecture: v.optional(v.string(), ""),
  variant: v.optional(v.string()),
});
export const Descriptor = v.object({
  mediaType: v.string(),
  digest,
  size,
  platform: v.optional(Platform),
  annotations: v.optional(v.record(v.string(), v.string())),
});
/** A descriptor whose digest was checked. */
export type Descriptor = v.InferOutput<typeof Descriptor>;

const Manifest = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  config: Descriptor,
  layers: v.pipe(v.array(Descriptor), v.maxLength(maxLayers, "max depth exceeded")),
});
export type Manifest = v.InferOutput<typeof Manifest>;

const Index = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  manifests: v.pipe(v.array(Descriptor), v.maxLength(maxIndexEntries, "too many manifests")),
});
export type Index = v.InferOutput<typeof Index>;

const History = v.object({
  created: text,
  created_by: text,
  author: text,
  comment: text,
  empty_layer: v.optional(v.nullable(v.boolean()), undefined),
});

const Config = v.object({
  architecture: v.optional(v.nullable(v.string()), undefined),
  os: v.optional(v.nullable(v.string()), undefined),
  variant: text,
  "os.version": text,
  created: text,
  author: text,
  comment: text,
  docker_version: text,
  config: v.optional(v.nullable(ContainerConfig), undefined),
  rootfs: v.object({
    type: v.literal("layers"),
    diff_ids: v.pipe(v.array(digest), v.maxLength(maxLayers, "max depth exceeded")),
  }),
  history: v.optional(v.nullable(v.array(History)), undefined),
});
export type ImageConfigFile = v.InferOutput<typeof Config>;

/** A JSON text of an image, whatever it holds; `what` names it in the `invalidArgument` for one that is too large or no JSON. */
export function decodeJson(bytes: Uint8Array, what: string): unknown {
  if (bytes.length > maxManifestSize) throw invalidArgument(`${what} is larger than ${maxManifestSize} bytes`);
  let source: string;
  try {
    source = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw invalidArgument(`${what} is not valid UTF-8`, { cause: error });
  }
  return parseStrictJson(source);
}

function decode(bytes: Uint8Array, what: string): Record<string, unknown> {
  const value = decodeJson(bytes, what);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalidArgument(`invalid ${what}`);
  return value as Record<string, unknown>;
}

function parse<S extends v.GenericSchema>(schema: S, value: unknown, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (!result.success) throw invalidArgument(`invalid ${what}: ${describeIssues(result.issues)}`);
  return result.output;
}

/**
 * Parses a manifest or an index by what it holds; bytes that could be both, or that contradict the media type they were
 * served under (`declared`, "" when unknown), are refused.
 */
export function parseManifest(
  bytes: Uint8Array,
  declared: string,
): { kind: "manifest"; mediaType: string; manifest: Manifest } | { kind: "index"; mediaType: string; index: Index } {
  const value = decode(bytes, "manifest");
  const isIndex = "manifests" in value;
  if (isIndex && ("layers" in value || "config" in value || "fsLayers" in value)) {
    throw invalidArgument("invalid manifest: both an index and an image");
  }
  if (value.schemaVersion === 1) {
    throw invalidArgument(
      "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed",
    );
  }
  const served = declared.split(";")[0]?.trim() ?? "";
  const known = served.startsWith("application/vnd.") ? served : "";
  const named = typeof value.mediaType === "string" ? value.mediaType : "";
  if (known && named && known !== named) {
    throw invalidArgument(`invalid manifest: media type ${named} was served as ${known}`);
  }
  const mediaType = named || known || (isIndex ? mediaTypes.ociIndex : mediaTypes.ociManifest);
  const saysIndex = mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList;
  const saysManifest = mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest;
  if (!saysIndex && !saysManifest) throw invalidArgument(`unsupported manifest media type ${mediaType}`);
  if (saysIndex !== isIndex) throw invalidArgument(`invalid manifest: not what its media type ${mediaType} says`);
  return isIndex
    ? { kind: "index", mediaType, index: parse(Index, value, "index") }
    : { kind: "manifest", mediaType, manifest: parse(Manifest, value, "manifest") };
}

/** Parses an image configuration. Whatever its `config` holds is of the right type afterwards, not yet safe. */
export function parseConfig(bytes: Uint8Array): ImageConfigFile {
  const config = parse(Config, decode(bytes, "image config"), "image config");
  const layered = config.history?.filter((row) => !row.empty_layer).length ?? 0;
  if (layered > config.rootfs.diff_ids.length) {
    throw invalidArgument("invalid image config: too many non-empty layers in History section");
  }
  return config;
}

/** The platform that an image says it is for. */
export function platformOf({ os, architecture, variant }: ImageConfigFile): PlatformName {
  return { os: os || "linux", architecture: architecture || "", variant: variant ?? undefined };
}

/** A descriptor as the API shows it. */
export function wireDescriptor({ mediaType, digest: at, size: bytes }: Descriptor): OCIDescriptor {
  return { mediaType, digest: at, size: bytes };
}

/** The chain ids of a list of diff ids, lowest first. */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    const hash = below && new Bun.CryptoHasher("sha256").update(`${below} ${diffId}`).digest("hex");
    chain.push(hash === undefined ? diffId : `sha256:${hash}`);
  }
  return chain;
}
