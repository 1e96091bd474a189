/** An output's attributes, read once: what BuildKit's exporters understand, and nothing that would be ignored in silence. */
import type { LayerCompression } from "../../images/layer-form.ts";
import { invalidArgument, notImplemented } from "../../lib/errors.ts";
import { formatPlatform, type Platform, parsePlatform } from "../../lib/platform.ts";
import type { Attributes } from "../request-results.ts";

/** What is written on manifests and indexes, for one platform or for all. */
export interface Annotation {
  readonly on: "manifest" | "manifest-descriptor" | "index" | "index-descriptor";
  /** As {@link formatPlatform} has it; null is every one. */
  readonly platform: string | null;
  readonly key: string;
  readonly value: string;
}

/** How layers and manifests of an image are made. */
export interface ImageForm {
  /** Null is how they are stored. */
  readonly compression: LayerCompression | null;
  readonly level: number | null;
  /** Layers of base images, too, and those that are packed another way. */
  readonly force: boolean;
  readonly ociTypes: boolean;
  /** Attestations as OCI artifacts. */
  readonly ociArtifact: boolean;
  readonly rewritesTimes: boolean;
  readonly annotations: readonly Annotation[];
}

export interface ImageOptions extends ImageForm {
  /** Besides the names of the request. */
  readonly names: readonly string[];
  readonly push: boolean;
  readonly pushByDigest: boolean;
  readonly isInsecure: boolean;
  /** Names get the image's digest. */
  readonly nameCanonical: boolean;
  /** What an image without a name is called, with its digest; "" for nothing. */
  readonly danglingPrefix: string;
  /** False: the image is only sent. */
  readonly store: boolean;
}

const formKeys = [
  "compression",
  "compression-level",
  "force-compression",
  "oci-mediatypes",
  "oci-artifact",
  "rewrite-timestamp",
] as const;
const imageKeys = [
  "name",
  "push",
  "push-by-digest",
  "registry.insecure",
  "name-canonical",
  "dangling-name-prefix",
  "store",
  "unpack",
  // What clients say of it means nothing here: an image in the store is always complete.
  "prefer-nondist-layers",
] as const;
/** Clients' own, which some send along. */
const clientKeys = ["dest", "type", "source-date-epoch", "attestation-inline"] as const;

export function readImageOptions(attributes: Attributes, push: boolean): ImageOptions {
  refuseUnknown("image", attributes, [...formKeys, ...imageKeys, ...clientKeys]);
  return {
    ...readForm(attributes, true),
    names: (attributes.name ?? "").split(",").filter((name) => name !== ""),
    push: push || isOn(attributes, "push", false),
    pushByDigest: isOn(attributes, "push-by-digest", false),
    isInsecure: isOn(attributes, "registry.insecure", false),
    nameCanonical: isOn(attributes, "name-canonical", false),
    danglingPrefix: attributes["dangling-name-prefix"] ?? "",
    store: isOn(attributes, "store", true),
  };
}

export interface ArchiveOptions extends ImageForm {
  readonly names: readonly string[];
  /** Files of an OCI layout in a directory instead of an archive of them. */
  readonly isDirectory: boolean;
}

export function readArchiveOptions(type: "oci" | "docker", attributes: Attributes): ArchiveOptions {
  refuseUnknown(type, attributes, [...formKeys, "name", "tar", ...clientKeys]);
  return {
    ...readForm(attributes, true),
    names: (attributes.name ?? "").split(",").filter((name) => name !== ""),
    isDirectory: !isOn(attributes, "tar", true),
  };
}

export interface FilesOptions {
  /** A directory for each platform; null where there are several. */
  readonly platformSplit: boolean | null;
  /** What the attestations' files begin with. */
  readonly attestationPrefix: string;
}

export function readFilesOptions(type: "tar" | "local", attributes: Attributes): FilesOptions {
  refuseUnknown(type, attributes, ["platform-split", "attestation-prefix", "mode", ...clientKeys]);
  const isDelete = attributes.mode !== undefined && attributes.mode !== "copy";
  if (isDelete && (type !== "local" || attributes.mode !== "delete")) {
    throw invalidArgument(`invalid mode ${JSON.stringify(attributes.mode)} of output type ${type}`);
  }
  const prefix = attributes["attestation-prefix"] ?? "";
  if (prefix.includes("/")) throw invalidArgument(`attestation-prefix ${JSON.stringify(prefix)} is no file name`);
  const isSplit = attributes["platform-split"] === undefined ? null : isOn(attributes, "platform-split", true);
  return { platformSplit: isSplit, attestationPrefix: prefix };
}

function refuseUnknown(type: string, attributes: Attributes, known: readonly string[]): void {
  for (const key of Object.keys(attributes)) {
    if (!known.includes(key) && annotationKey(key) === null) {
      throw invalidArgument(`unknown attribute ${JSON.stringify(key)} of output type ${type}`);
    }
  }
}

export function readForm(attributes: Attributes, ociByDefault: boolean): ImageForm {
  const compression = readCompression(attributes.compression);
  const level = readLevel(compression, attributes["compression-level"]);
  const annotations = Object.entries(attributes).flatMap(([name, value]) => {
    const at = annotationKey(name);
    return at === null ? [] : [{ ...at, value }];
  });
  const ociArtifact = isOn(attributes, "oci-artifact", false);
  return {
    compression,
    level,
    force: isOn(attributes, "force-compression", false),
    // Docker's own media types have no room for annotations.
    ociTypes: isOn(attributes, "oci-mediatypes", ociByDefault) || annotations.length > 0 || ociArtifact,
    ociArtifact,
    rewritesTimes: isOn(attributes, "rewrite-timestamp", false),
    annotations,
  };
}

function readCompression(text: string | undefined): LayerCompression | null {
  switch (text) {
    case undefined:
    case "":
      return null;
    case "gzip":
    case "zstd":
    case "uncompressed":
      return text;
    case "estargz":
      throw notImplemented("compression=estargz is not supported by this engine: use gzip or zstd");
    default:
      throw invalidArgument(`unsupported compression type ${text}: use gzip, zstd or uncompressed`);
  }
}

const levels = { gzip: [0, 9], zstd: [0, 22], uncompressed: [0, 0] } as const;

function readLevel(compression: LayerCompression | null, text: string | undefined): number | null {
  if (text === undefined || text === "") return null;
  const level = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  const [least, most] = levels[compression ?? "gzip"];
  if (level >= least && level <= most) return compression === "uncompressed" ? null : level;
  throw invalidArgument(
    `invalid compression-level ${JSON.stringify(text)}: ${compression ?? "gzip"} has ${least} to ${most}`,
  );
}

/** `annotation[-manifest|-index|…][\[PLATFORM\]].KEY`; null for another attribute. */
function annotationKey(name: string): Omit<Annotation, "value"> | null {
  const found = /^annotation(?:-(manifest|manifest-descriptor|index|index-descriptor))?(?:\[([^\]]+)\])?\.(.+)$/.exec(
    name,
  );
  if (!found) return null;
  const [, on = "manifest", platform, key = ""] = found;
  if (platform !== undefined && on.startsWith("index")) {
    throw invalidArgument(`${name}: an index is of no platform`);
  }
  return {
    on: on as Annotation["on"],
    platform: platform === undefined ? null : formatPlatform(parsePlatform(platform)),
    key,
  };
}

/** Those for one place. */
export function annotationsOn(
  { annotations }: Pick<ImageForm, "annotations">,
  on: Annotation["on"],
  platform: Platform | null,
): Record<string, string> | null {
  const name = platform && formatPlatform(platform);
  const found = annotations.filter((one) => one.on === on && (one.platform === null || one.platform === name));
  return found.length === 0 ? null : Object.fromEntries(found.map(({ key, value }) => [key, value]));
}

/** A switch as Go's strconv.ParseBool reads it; there without a value is on. */
export function isOn(attributes: Attributes, key: string, byDefault: boolean): boolean {
  const text = attributes[key];
  if (text === undefined) return byDefault;
  if (["", "1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw invalidArgument(`non-bool value ${JSON.stringify(text)} specified for ${key}`);
}
