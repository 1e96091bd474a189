/** From a name at a registry to the manifest of one platform. */
import type { Digest } from "../lib/digest.ts";
import { notFound, systemError } from "../lib/errors.ts";
import { formatPlatform, type Platform, platformMatch } from "../lib/platform.ts";
import type { RegistryClient } from "../registry/client.ts";
import { type Descriptor, type Manifest, maxManifestSize, parseManifest } from "./manifest.ts";
import type { Hold, Shelf } from "./shelf.ts";

const maxIndexDepth = 3;

/** What the manifests of one pull are fetched with, and what came of it. */
export interface Fetching {
  readonly shelf: Shelf;
  readonly hold: Hold;
  readonly client: RegistryClient;
  /** Repository path at the registry. */
  readonly path: string;
  readonly platform: Platform;
  readonly fetched: Digest[];
  readonly signal: AbortSignal;
}

/**
 * Asks the registry, also for what is here: only its answer proves that the repository has it. Throws `tooLarge` for an answer
 * of more than `limit` bytes without reading on.
 */
export async function fetchManifest(fetching: Fetching, name: string, limit = maxManifestSize): Promise<Descriptor> {
  const { shelf, hold, client, path, fetched, signal } = fetching;
  const { bytes, mediaType } = await client.manifest(path, name, limit, signal);
  const parsed = parseManifest(bytes, mediaType);
  const stored = await shelf.content.put(bytes, hold.lease);
  fetched.push(stored.digest);
  return { mediaType: parsed.mediaType, ...stored };
}

/** The manifest for the platform that `descriptor`, whose bytes are here, is or leads to. */
export async function choose(
  fetching: Fetching,
  descriptor: Descriptor,
  depth = 0,
): Promise<{ descriptor: Descriptor; manifest: Manifest }> {
  const { shelf, hold, platform } = fetching;
  const parsed = parseManifest(shelf.content.read(descriptor.digest, maxManifestSize), descriptor.mediaType);
  if (parsed.kind === "manifest") return { descriptor, manifest: parsed.manifest };
  const none = () => notFound(`no matching manifest for ${formatPlatform(platform)} in the manifest list entries`);
  if (depth >= maxIndexDepth) throw none();
  let best: { score: number; entry: Descriptor } | null = null;
  // The first of equally good entries wins, as with Docker.
  for (const entry of parsed.index.manifests) {
    const score = entry.platform ? platformMatch(platform, entry.platform) : 0;
    if (score >= 0 && (!best || score > best.score)) best = { score, entry };
  }
  if (!best) throw none();
  const { digest, size } = best.entry;
  hold.lease.add(digest);
  // The index that names it came from this repository, so what is here need not be asked for.
  const child = shelf.content.has(digest)
    ? storedManifest(shelf, digest)
    : await fetchManifest(fetching, digest, Math.min(size, maxManifestSize));
  if (child.size !== size) throw systemError(`unexpected size of manifest ${child.digest}`);
  return choose(fetching, child, depth + 1);
}

function storedManifest({ content }: Shelf, digest: Digest): Descriptor {
  const bytes = content.read(digest, maxManifestSize);
  return { mediaType: parseManifest(bytes, "").mediaType, digest, size: bytes.length };
}
