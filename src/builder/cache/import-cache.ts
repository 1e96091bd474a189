/**
 * `--cache-from`. To import a cache is to believe its author: it says which layer an equal step has left. What it cannot do is to
 * give another layer than it names (digests of blobs and of what they unpack to are checked), or one for another tree.
 */
import { chainIds, type Descriptor, maxManifestSize, parseConfig, parseManifest } from "../../images/manifest.ts";
import { type Digest, isDigest } from "../../lib/digest.ts";
import { invalidArgument, isKind, messageOf, notFound, notImplemented } from "../../lib/errors.ts";
import { parseJson } from "../../lib/json.ts";
import type { Operation } from "../../lib/operation.ts";
import { parseReference } from "../../lib/reference.ts";
import { type BuilderOptions, type BuildHold, holdLayers, type Layer, type StoredLayer } from "../collaborators.ts";
import { isOn } from "../exporters/attributes.ts";
import type { CacheTransfer } from "../request-results.ts";
import type { Credentials } from "../request-sources.ts";
import { readBlob } from "../session/blob-bytes.ts";
import type { StepResult } from "../solver/solver.ts";
import type { Tree } from "../steps/step-root.ts";
import type { BuildCache } from "./build-cache.ts";
import { configOf, type ImportedStep, inlineField, readCacheConfig } from "./cache-format.ts";

export interface ImportParts extends Pick<BuilderOptions, "images" | "snapshots"> {
  readonly hold: BuildHold;
  readonly cache: BuildCache;
  readonly auths: Credentials;
}

/** Where one cache's blobs come from. */
interface Source {
  readonly steps: ReadonlyMap<string, ImportedStep>;
  /** Brings a blob into the store, verified. */
  fetch(blob: StoredLayer, op: Operation): Promise<void>;
}

const unsupported: ReadonlySet<string> = new Set(["gha", "s3", "azblob"]);

/** Refuses what this engine cannot do, before anything is done. */
export function checkTransfers(transfers: readonly CacheTransfer[], isExport: boolean): void {
  const known = isExport ? ["inline", "registry", "local"] : ["registry", "local"];
  for (const { type, attributes, blobs } of transfers) {
    if (unsupported.has(type)) {
      throw notImplemented(`cache type ${type} is not supported by this engine: use registry, local or inline`);
    }
    if (!known.includes(type)) throw invalidArgument(`unknown cache ${isExport ? "exporter" : "importer"}: "${type}"`);
    if (type === "registry" && !attributes.ref) throw invalidArgument(`cache type registry needs a ref`);
    if (type === "local" && !blobs) throw invalidArgument("cache type local needs a client that has the directory");
    if (type === "local" && !isExport && !isDigest(attributes.digest)) {
      throw invalidArgument("cache type local needs the digest of a manifest");
    }
  }
}

export class ImportedCaches {
  readonly #parts: ImportParts;
  readonly #sources: readonly Source[];
  /** What could not be imported: the build goes on without. */
  readonly warnings: readonly string[];

  private constructor(parts: ImportParts, sources: readonly Source[], warnings: readonly string[]) {
    this.#parts = parts;
    this.#sources = sources;
    this.warnings = warnings;
  }

  static async load(parts: ImportParts, transfers: readonly CacheTransfer[], op: Operation): Promise<ImportedCaches> {
    const sources: Source[] = [];
    const warnings: string[] = [];
    for (const transfer of transfers) {
      try {
        sources.push(
          transfer.type === "local"
            ? await localSource(parts, transfer, op)
            : await registrySource(parts, transfer, op),
        );
      } catch (error) {
        op.signal.throwIfAborted();
        const name = transfer.attributes.ref ?? transfer.attributes.digest ?? "";
        warnings.push(`cache ${transfer.type} ${name} is not imported: ${messageOf(error)}`);
      }
    }
    return new ImportedCaches(parts, sources, warnings);
  }

  /** The layer of an equal step on that tree, brought here and kept in the engine's own cache; null where none has it. */
  async find(key: string, tree: Tree, description: string, op: Operation): Promise<StepResult | null> {
    for (const source of this.#sources) {
      const step = source.steps.get(key);
      if (!step || !standsOn(step, tree)) continue;
      try {
        return await this.#take(source, step, key, tree, description, op);
      } catch (error) {
        op.signal.throwIfAborted();
        // A blob that is gone or is not what it should be: the step is carried out as if nobody had it.
        if (!isKind(error, "notFound", "dataLoss", "invalidArgument", "unavailable", "unauthorized", "forbidden"))
          throw error;
      }
    }
    return null;
  }

  async #take(
    source: Source,
    { blob, diffIds, createdAt }: ImportedStep,
    key: string,
    tree: Tree,
    description: string,
    op: Operation,
  ): Promise<StepResult> {
    const { images, snapshots, hold, cache } = this.#parts;
    const diffId = diffIds.at(-1)!;
    const chainId = chainIds(diffIds).at(-1)!;
    const layer: Layer = { blob, diffId, chainId };
    holdLayers(hold, [layer]);
    await source.fetch(blob, op);
    const parent = tree.at(-1)?.chainId ?? null;
    await snapshots.applyLayer({ chainId, parent, diffId }, images.pathOf(blob), op);
    const size = await snapshots.layerSize(chainId);
    cache.add(key, { layer, parent: parent ?? "", description, size }, createdAt);
    return { tree: [...tree, layer], createdAt, cached: true };
  }
}

/** The key says so already; a cache that somebody made by hand need not. */
function standsOn({ diffIds }: ImportedStep, tree: Tree): boolean {
  return diffIds.length === tree.length + 1 && tree.every(({ diffId }, i) => diffId === diffIds[i]);
}

async function registrySource(parts: ImportParts, { attributes }: CacheTransfer, op: Operation): Promise<Source> {
  const { images, hold, auths } = parts;
  const { outputs } = images;
  const name = attributes.ref ?? "";
  const auth = await auths.get(parseReference(name).domain);
  const remote = { name, auth, isInsecure: isOn(attributes, "registry.insecure", false) };
  const top = await outputs.fetchManifest(hold, remote, null, op);
  const fetch = async (blob: Descriptor | StoredLayer, forOp: Operation): Promise<void> =>
    await outputs.fetchBlob(hold, remote, blob, forOp);
  const bytes = outputs.read(top);
  const config = configOf(bytes);
  if (config !== null) return { steps: await stepsOf(parts, config, fetch, op), fetch };
  const steps = new Map<string, ImportedStep>();
  for (const manifest of await imagesOf(bytes, top.mediaType, async (digest) => {
    return outputs.read(await outputs.fetchManifest(hold, remote, digest, op));
  })) {
    for (const [key, step] of await inlineSteps(parts, manifest, fetch, op)) steps.set(key, step);
  }
  if (steps.size === 0) throw notFound("it holds no cache");
  return { steps, fetch };
}

async function stepsOf(
  { images }: ImportParts,
  config: { readonly digest: Digest; readonly size: number; readonly mediaType: string },
  fetch: Source["fetch"],
  op: Operation,
): Promise<Map<string, ImportedStep>> {
  if (config.size > maxManifestSize) throw invalidArgument("the cache's configuration is too large");
  await fetch(config, op);
  return readCacheConfig(images.outputs.read(config));
}

type Image = Extract<ReturnType<typeof parseManifest>, { readonly kind: "manifest" }>["manifest"];

/** The images that a manifest is or leads to, attestations left out. */
async function imagesOf(bytes: Buffer, mediaType: string, read: (digest: Digest) => Promise<Buffer>): Promise<Image[]> {
  const parsed = parseManifest(bytes, mediaType);
  if (parsed.kind === "manifest") return [parsed.manifest];
  const found: Image[] = [];
  for (const { digest, platform, mediaType: type } of parsed.index.manifests.slice(0, 50)) {
    if (platform?.os === "unknown") continue;
    const child = parseManifest(await read(digest), type);
    if (child.kind === "manifest") found.push(child.manifest);
  }
  return found;
}

/** The cache in an image's configuration, whose layers are the image's, however they are packed by now. */
async function inlineSteps(
  { images }: ImportParts,
  { config, layers }: Image,
  fetch: Source["fetch"],
  op: Operation,
): Promise<Map<string, ImportedStep>> {
  if (config.size > maxManifestSize) throw invalidArgument("the image's configuration is too large");
  await fetch(config, op);
  const bytes = images.outputs.read(config);
  const inline = (parseJson(bytes.toString("utf8")) as Record<string, unknown>)[inlineField];
  if (typeof inline !== "string") return new Map();
  const { diff_ids: diffIds } = parseConfig(bytes).rootfs;
  const steps = new Map<string, ImportedStep>();
  for (const [key, step] of readCacheConfig(Buffer.from(inline, "base64"))) {
    const blob = layers[diffIds.indexOf(step.diffIds.at(-1)!)];
    if (blob) steps.set(key, { ...step, blob });
  }
  return steps;
}

async function localSource(parts: ImportParts, { attributes, blobs }: CacheTransfer, op: Operation): Promise<Source> {
  const { images, hold } = parts;
  if (!blobs || !isDigest(attributes.digest)) throw notFound("no directory of the client's");
  const manifest = await readBlob(blobs, attributes.digest, maxManifestSize, op);
  const config = configOf(manifest);
  if (config === null) throw notFound("it holds no cache");
  const fetch = async (blob: StoredLayer, forOp: Operation): Promise<void> =>
    await images.outputs.receive(hold, blob, await blobs.read(blob.digest, forOp));
  return { steps: await stepsOf(parts, config, fetch, op), fetch };
}
