/** `--cache-to`: what steps came to, for another engine to import. */
import { type Descriptor, mediaTypes } from "../../images/manifest.ts";
import type { Digest } from "../../lib/digest.ts";
import { invalidArgument, isKind } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { parseReference } from "../../lib/reference.ts";
import type { BuilderOptions, BuildHold, StoredLayer } from "../collaborators.ts";
import { isOn, readForm } from "../exporters/attributes.ts";
import { storedLayer } from "../exporters/image-set.ts";
import { sendBlobs } from "../exporters/layout-archive.ts";
import type { CacheTransfer } from "../request-results.ts";
import type { Credentials } from "../request-sources.ts";
import type { StepResult } from "../solver/solver.ts";
import { topOf } from "../steps/step-root.ts";
import { type CachedStep, cacheConfig, cacheConfigType } from "./cache-format.ts";

type Parts = Pick<BuilderOptions, "images"> & { readonly hold: BuildHold };

/** Notes what each step of one build came to. */
export class StepNotes {
  readonly #steps = new Map<string, CachedStep>();

  note(key: string, { tree, createdAt }: StepResult): void {
    this.#steps.set(key, { key, tree, createdAt });
  }

  all(): CachedStep[] {
    return [...this.#steps.values()];
  }

  /** Those whose layers are in one of these trees. */
  within(trees: readonly (readonly { readonly chainId: Digest }[])[]): CachedStep[] {
    const chains = new Set(trees.flatMap((tree) => tree.map(({ chainId }) => chainId)));
    return this.all().filter(({ tree }) => chains.has(topOf(tree) ?? ("" as Digest)));
  }
}

export interface CacheExport {
  readonly notes: StepNotes;
  /** Of the targets, by platform. */
  readonly trees: readonly CachedStep["tree"][];
  readonly auths: Credentials;
}

/** Exports to each but `inline`, which is in the image; what the client's metadata gets of it. */
export async function exportCaches(
  parts: Parts,
  transfers: readonly CacheTransfer[],
  exported: CacheExport,
  op: Operation,
): Promise<Record<string, string>> {
  const facts: Record<string, string> = {};
  for (const transfer of transfers) {
    if (transfer.type === "inline") continue;
    try {
      const top = await exportCache(parts, transfer, exported, op);
      facts["cache.manifest"] = JSON.stringify(top);
    } catch (error) {
      if (op.signal.aborted || isKind(error, "invalidArgument") || !isOn(transfer.attributes, "ignore-error", false))
        throw error;
    }
  }
  return facts;
}

const known = [
  "ref",
  "dest",
  "mode",
  "tag",
  "compression",
  "compression-level",
  "force-compression",
  "oci-mediatypes",
  "image-manifest",
  "ignore-error",
  "registry.insecure",
];

/** Throws `invalidArgument` for what no cache export has. */
export function checkExports(transfers: readonly CacheTransfer[]): void {
  for (const { type, attributes } of transfers) {
    const unknown = Object.keys(attributes).find((key) => !known.includes(key));
    if (unknown !== undefined)
      throw invalidArgument(`unknown attribute ${JSON.stringify(unknown)} of cache type ${type}`);
    const { mode = "min" } = attributes;
    if (mode !== "min" && mode !== "max")
      throw invalidArgument(`invalid mode ${JSON.stringify(mode)} of cache: use min or max`);
    readForm(attributes, true);
  }
}

async function exportCache(
  parts: Parts,
  { type, attributes, blobs: client }: CacheTransfer,
  { notes, trees, auths }: CacheExport,
  op: Operation,
): Promise<Descriptor> {
  const { outputs } = parts.images;
  const form = { ...readForm(attributes, true) };
  const steps = attributes.mode === "max" ? notes.all() : notes.within(trees);
  const stored = new Map<Digest, StoredLayer>();
  for (const { tree } of steps) {
    for (const layer of tree) {
      if (stored.has(layer.diffId)) continue;
      stored.set(layer.diffId, await storedLayer({ outputs, hold: parts.hold }, layer, form, op));
    }
  }
  const put = async (value: object) => await outputs.put(parts.hold, Buffer.from(JSON.stringify(value)));
  const config = { mediaType: cacheConfigType, ...(await put(cacheConfig(steps, stored))) };
  const layers = [...stored.values()].map(({ mediaType, digest, size }) => ({ mediaType, digest, size }));
  const isImage = isOn(attributes, "image-manifest", true);
  const [manifestType, indexType] = form.ociTypes
    ? [mediaTypes.ociManifest, mediaTypes.ociIndex]
    : [mediaTypes.dockerManifest, mediaTypes.dockerList];
  const mediaType = isImage ? manifestType : indexType;
  const content = isImage ? { config, layers } : { manifests: [...layers, config] };
  const top: Descriptor = { mediaType, ...(await put({ schemaVersion: 2, mediaType, ...content })) };
  const set = { top, manifests: [top], blobs: [...layers, config] };
  if (type === "local" && client) await sendBlobs(set, parts.images.pathOf.bind(parts.images), client, op);
  else {
    const name = attributes.ref ?? "";
    const auth = await auths.get(parseReference(name).domain);
    await outputs.push(set, { name, auth, isInsecure: isOn(attributes, "registry.insecure", false) }, false, op);
  }
  return top;
}
