/**
 * Caches as they travel: a configuration of the media type that BuildKit has for it, and layers.
 *
 *     { "layers": [{ "blob": "sha256:…", "parent": -1, "annotations": { "diffID", "mediaType", "size", "createdAt" } }],
 *       "records": [{ "digest": "sha256:<a step's key>", "results": [{ "layer": 0, "createdAt": "…" }] }] }
 *
 * Both builders read it, and neither finds anything of the other's: BuildKit's keys are of its own definitions.
 */
import * as v from "valibot";
import { describeIssues } from "../../api/wire.ts";
import { decodeJson, isLayerType } from "../../images/manifest.ts";
import { type Digest, isDigest } from "../../lib/digest.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { Layer, StoredLayer } from "../collaborators.ts";

export const cacheConfigType = "application/vnd.buildkit.cacheconfig.v0";
/** The field of an image's configuration that has its cache in it. */
export const inlineField = "moby.buildkit.cache.v0";

/** A step that was carried out or found, and the tree that it left. */
export interface CachedStep {
  /** 64 hex digits. */
  readonly key: string;
  /** Lowest first; the last is the step's own. */
  readonly tree: readonly Layer[];
  /** RFC 3339. */
  readonly createdAt: string;
}

/** What an imported cache says of one step. */
export interface ImportedStep {
  /** Of all layers of its tree, lowest first. */
  readonly diffIds: readonly Digest[];
  /** The uppermost one's archive. */
  readonly blob: StoredLayer;
  readonly createdAt: string;
}

const maxLayers = 10_000;
const maxRecords = 100_000;
/** Most layers that stand on each other. */
const maxDepth = 127;

const digest = v.custom<Digest>(isDigest, "invalid digest");
const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const CacheConfig = v.object({
  layers: v.optional(
    v.nullable(
      v.pipe(
        v.array(
          v.object({
            blob: digest,
            parent: v.optional(v.number(), 0),
            annotations: v.optional(
              v.nullable(
                v.object({
                  mediaType: v.optional(v.string(), ""),
                  diffID: v.optional(digest),
                  size: v.optional(size, 0),
                }),
              ),
            ),
          }),
        ),
        v.maxLength(maxLayers, "too many layers"),
      ),
    ),
  ),
  records: v.optional(
    v.nullable(
      v.pipe(
        v.array(
          v.object({
            digest: v.optional(v.string(), ""),
            results: v.optional(
              v.nullable(v.array(v.object({ layer: v.number(), createdAt: v.optional(v.string(), "") }))),
            ),
          }),
        ),
        v.maxLength(maxRecords, "too many records"),
      ),
    ),
  ),
});

const CacheDescriptor = v.object({ mediaType: v.optional(v.string(), ""), digest, size });
export type CacheDescriptor = v.InferOutput<typeof CacheDescriptor>;

const CacheManifest = v.object({
  config: v.optional(CacheDescriptor),
  layers: v.optional(v.pipe(v.array(CacheDescriptor), v.maxLength(maxLayers))),
  manifests: v.optional(v.pipe(v.array(CacheDescriptor), v.maxLength(maxLayers + 1))),
});

/** The configuration for these steps, whose layers are stored as `stored` has it, by diff id. */
export function cacheConfig(steps: readonly CachedStep[], stored: ReadonlyMap<Digest, StoredLayer>): object {
  const layers: object[] = [];
  const places = new Map<Digest, number>();
  const place = (tree: readonly Layer[]): number => {
    const top = tree.at(-1);
    if (!top) return -1;
    const known = places.get(top.chainId);
    if (known !== undefined) return known;
    const parent = place(tree.slice(0, -1));
    const { digest: blob, mediaType, size: bytes } = stored.get(top.diffId) ?? top.blob;
    layers.push({ blob, parent, annotations: { diffID: top.diffId, mediaType, size: bytes } });
    places.set(top.chainId, layers.length - 1);
    return layers.length - 1;
  };
  const records = [...steps]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, tree, createdAt }) => ({
      digest: `sha256:${key}`,
      results: [{ layer: place(tree), createdAt }],
    }));
  return { layers, records };
}

/** What a configuration says, by key; steps that it contradicts itself about are left out. Throws `invalidArgument`. */
export function readCacheConfig(bytes: Uint8Array): Map<string, ImportedStep> {
  const { layers, records } = parse(CacheConfig, bytes, "cache configuration");
  const found = new Map<string, ImportedStep>();
  for (const { digest: key, results } of records ?? []) {
    const [result] = results ?? [];
    if (!result || !isDigest(key)) continue;
    const chain = chainOf(layers ?? [], result.layer);
    const top = chain?.at(-1);
    if (!chain || !top) continue;
    const time = Date.parse(result.createdAt);
    found.set(key.slice("sha256:".length), {
      diffIds: chain.map(({ diffId }) => diffId),
      blob: top.blob,
      createdAt: new Date(Number.isNaN(time) ? 0 : time).toISOString(),
    });
  }
  return found;
}

type ConfigLayers = NonNullable<v.InferOutput<typeof CacheConfig>["layers"]>;

/** Lowest first; null for layers that do not end, or do not say what they hold. */
function chainOf(layers: ConfigLayers, at: number): { diffId: Digest; blob: StoredLayer }[] | null {
  const chain: { diffId: Digest; blob: StoredLayer }[] = [];
  for (let place = at; place !== -1; ) {
    const layer = layers[place];
    const { diffID, mediaType = "", size: bytes = 0 } = layer?.annotations ?? {};
    if (!layer || diffID === undefined || !isLayerType(mediaType) || chain.length >= maxDepth) return null;
    chain.unshift({ diffId: diffID, blob: { mediaType, digest: layer.blob, size: bytes } });
    place = layer.parent;
  }
  return chain;
}

/** The configuration's place in a manifest, or in an index as older builders write it; null for something else. */
export function configOf(bytes: Uint8Array): CacheDescriptor | null {
  const { config, manifests } = parse(CacheManifest, bytes, "cache manifest");
  if (config?.mediaType === cacheConfigType) return config;
  return manifests?.find(({ mediaType }) => mediaType === cacheConfigType) ?? null;
}

function parse<S extends v.GenericSchema>(schema: S, bytes: Uint8Array, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, decodeJson(bytes, what), { abortEarly: true });
  if (!result.success) throw invalidArgument(`invalid ${what}: ${describeIssues(result.issues)}`);
  return result.output;
}
