/** What a build ended as, made into configurations, manifests and, where there is more than one of them, an index. */
import type { StoredSet } from "../../images/build-outputs.ts";
import type { LayerForm } from "../../images/layer-form.ts";
import { type Descriptor, isForeign, isUnpacked, mediaTypes } from "../../images/manifest.ts";
import type { Digest } from "../../lib/digest.ts";
import type { Operation } from "../../lib/operation.ts";
import { formatPlatform, normalizePlatform, type Platform } from "../../lib/platform.ts";
import { attestationManifest, type Statement } from "../attestations/attestation-manifest.ts";
import { inlineField } from "../cache/cache-format.ts";
import type { BuilderOutputs, BuildHold, Layer, StoredLayer } from "../collaborators.ts";
import { annotationsOn, type ImageForm } from "./attributes.ts";

/** What was built for one platform. */
export interface Target {
  readonly platform: Platform;
  /** The image's configuration, complete. */
  readonly file: Readonly<Record<string, unknown>>;
  readonly layers: readonly Layer[];
  /** How many of them are the base image's. */
  readonly baseLayers: number;
  /** Id of the image that it was built from; "" for none. */
  readonly parent: string;
  readonly statements: readonly Statement[];
  readonly epoch: number | null;
  /** The cache that goes into the configuration, over its layers as they are stored; absent for none. */
  inlineCache?(stored: ReadonlyMap<Digest, StoredLayer>): object;
}

/** An image of the set. */
export interface MadeImage {
  readonly target: Target;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
}

export interface ImageSet extends StoredSet {
  readonly images: readonly MadeImage[];
}

export interface SetParts {
  readonly outputs: BuilderOutputs;
  readonly hold: BuildHold;
}

const dockerTypes: Readonly<Record<string, string>> = {
  [mediaTypes.ociManifest]: mediaTypes.dockerManifest,
  [mediaTypes.ociConfig]: mediaTypes.dockerConfig,
  [mediaTypes.ociIndex]: mediaTypes.dockerList,
};

/** Makes and stores it. An index is made where several platforms, or attestations, are to be told of. */
export async function imageSet(
  parts: SetParts,
  targets: readonly Target[],
  form: ImageForm,
  op: Operation,
): Promise<ImageSet> {
  const hasStatements = targets.some(({ statements }) => statements.length > 0);
  const isIndex = targets.length > 1 || hasStatements || form.annotations.some(({ on }) => on.startsWith("index"));
  const own = { ...form, ociTypes: form.ociTypes || hasStatements };
  const images: MadeImage[] = [];
  const blobs: Descriptor[] = [];
  for (const target of targets) {
    const made = await oneImage(parts, target, own, isIndex, op);
    images.push(made.image);
    blobs.push(...made.blobs);
  }
  const manifests = images.map(({ manifest }) => manifest);
  if (!isIndex) return { images, blobs, manifests, top: manifests[0]! };
  const entries: object[] = images.map(({ manifest, target }) => entryOf(own, manifest, target.platform));
  for (const { manifest, target } of images) {
    if (target.statements.length === 0) continue;
    const attested = await attestationManifest(parts, manifest, target.statements, own.ociArtifact);
    blobs.push(...attested.blobs);
    manifests.push(attested.manifest);
    entries.push(attested.entry);
  }
  const annotations = annotationsOn(own, "index", null);
  const mediaType = typeIn(own, mediaTypes.ociIndex);
  const index = { schemaVersion: 2, mediaType, manifests: entries, ...(annotations && { annotations }) };
  const top = { mediaType, ...(await put(parts, index)) };
  return { images, blobs, manifests: [...manifests, top], top };
}

const typeIn = ({ ociTypes }: ImageForm, type: string): string => (ociTypes ? type : (dockerTypes[type] ?? type));

function entryOf(form: ImageForm, { mediaType, digest, size }: Descriptor, platform: Platform): object {
  const annotations = annotationsOn(form, "manifest-descriptor", platform);
  const { os, architecture, variant } = platform;
  return {
    mediaType,
    digest,
    size,
    ...(annotations && { annotations }),
    platform: { architecture, os, ...(variant === undefined ? {} : { variant }) },
  };
}

async function oneImage(
  parts: SetParts,
  target: Target,
  form: ImageForm,
  isPacked: boolean,
  op: Operation,
): Promise<{ image: MadeImage; blobs: Descriptor[] }> {
  const layers: (Descriptor & { diffId: Digest })[] = [];
  for (const [i, layer] of target.layers.entries()) {
    layers.push(await formed(parts, layer, layerForm(target, form, layer, i, isPacked), form, op));
  }
  const file = configFile(target, layers);
  const config = { mediaType: typeIn(form, mediaTypes.ociConfig), ...(await put(parts, file)) };
  const annotations = annotationsOn(form, "manifest", target.platform);
  const mediaType = typeIn(form, mediaTypes.ociManifest);
  const descriptors = layers.map((layer) => ({ mediaType: layer.mediaType, digest: layer.digest, size: layer.size }));
  const content = { schemaVersion: 2, mediaType, config, layers: descriptors, ...(annotations && { annotations }) };
  const manifest = { mediaType, ...(await put(parts, content)) };
  return { image: { target, manifest, config }, blobs: [...descriptors, config] };
}

/** The form that a layer is wanted in; null for as it is. */
function layerForm(
  { epoch, baseLayers }: Pick<Target, "epoch" | "baseLayers">,
  { compression, level, force, rewritesTimes }: ImageForm,
  { blob }: Layer,
  place: number,
  isPacked: boolean,
): LayerForm | null {
  if (isForeign(blob)) return null;
  const rewrites = rewritesTimes && epoch !== null && place >= baseLayers;
  const wanted = compression ?? (isPacked ? "gzip" : null);
  const isAs = wanted === null || compressionOf(blob.mediaType) === wanted;
  const packs = !isAs && (isUnpacked(blob) || force);
  const repacks = force && wanted !== null && wanted !== "uncompressed" && place >= baseLayers;
  if (!rewrites && !packs && !(repacks && level !== null)) return null;
  return {
    compression: packs || wanted !== null ? (wanted ?? "uncompressed") : compressionOf(blob.mediaType),
    level: wanted === null ? null : level,
    epoch: rewrites ? epoch : null,
  };
}

const compressionOf = (mediaType: string): LayerForm["compression"] =>
  /[.+]gzip$/.test(mediaType) ? "gzip" : /[.+]zstd$/.test(mediaType) ? "zstd" : "uncompressed";

async function formed(
  { outputs, hold }: SetParts,
  { blob, diffId }: Layer,
  wanted: LayerForm | null,
  form: ImageForm,
  op: Operation,
): Promise<Descriptor & { diffId: Digest }> {
  hold.lease.add(blob.digest);
  if (wanted === null) {
    const mediaType = isForeign(blob) ? blob.mediaType : layerType(compressionOf(blob.mediaType), form);
    return { mediaType, digest: blob.digest, size: blob.size, diffId };
  }
  const made = await outputs.convert(hold, blob.digest, wanted, op);
  return { mediaType: layerType(wanted.compression, form), ...made };
}

function layerType(compression: LayerForm["compression"], { ociTypes }: ImageForm): string {
  const [base, joint] = ociTypes ? [mediaTypes.ociLayer, "+"] : [mediaTypes.dockerLayer, "."];
  return compression === "uncompressed" ? base : `${base}${joint}${compression}`;
}

function configFile(target: Target, layers: readonly (Descriptor & { diffId: Digest })[]): Record<string, unknown> {
  const file = { ...target.file, rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) } };
  if (!target.inlineCache) return file;
  const stored = new Map(layers.map(({ diffId, mediaType, digest, size }) => [diffId, { mediaType, digest, size }]));
  const cache = Buffer.from(JSON.stringify(target.inlineCache(stored))).toString("base64");
  return { ...file, [inlineField]: cache };
}

/** One layer as it is sent elsewhere: packed, unless another form is asked for. */
export async function storedLayer(parts: SetParts, layer: Layer, form: ImageForm, op: Operation): Promise<StoredLayer> {
  const target = { epoch: null, baseLayers: 0 };
  const { mediaType, digest, size } = await formed(parts, layer, layerForm(target, form, layer, 0, true), form, op);
  return { mediaType, digest, size };
}

async function put({ outputs, hold }: SetParts, value: object): Promise<{ digest: Digest; size: number }> {
  return await outputs.put(hold, Buffer.from(JSON.stringify(value)));
}

/** The one that runs here best: the host's own platform, else the first. */
export function primaryOf(images: readonly MadeImage[], host: Platform): MadeImage {
  const wanted = formatPlatform(normalizePlatform(host));
  return images.find(({ target }) => formatPlatform(target.platform) === wanted) ?? images[0]!;
}
