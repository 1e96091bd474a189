/** Images of an OCI layout in an archive, by its `index.json` (image-spec, "Image Layout"). */
import type { StoredBlob } from "../content/content-store.ts";
import { isDigest } from "../lib/digest.ts";
import { invalidArgument } from "../lib/errors.ts";
import { hostPlatform, parsePlatform, platformMatch } from "../lib/platform.ts";
import { parseReference, type Reference } from "../lib/reference.ts";
import { type Descriptor, maxManifestSize, parseConfig, parseManifest, platformOf } from "./manifest.ts";
import { newName } from "./new-name.ts";
import type { Arrival, Shelf } from "./shelf.ts";

/** Most entries of an archive's own index.json: people pack images, not registries. */
const maxLayoutEntries = 1000;

/** Most bytes of all manifests that one index.json leads to. */
const maxLayoutBytes = 8 * maxManifestSize;

/** Reads manifests of an archive, each once however often it is named, and not without end. */
function manifestReader({ content }: Shelf): (at: Descriptor) => ReturnType<typeof parseManifest> {
  const known = new Map<string, ReturnType<typeof parseManifest>>();
  let left = maxLayoutBytes;
  return ({ digest, mediaType }) => {
    const key = `${digest} ${mediaType}`;
    const before = known.get(key);
    if (before) return before;
    const bytes = content.read(digest, maxManifestSize);
    left -= bytes.length;
    if (left < 0) throw invalidArgument("index.json leads to too many bytes of manifests");
    const parsed = parseManifest(bytes, mediaType);
    known.set(key, parsed);
    return parsed;
  };
}

/** The images that an `index.json` leads to and that are for one of the platforms; none named is this host's. */
export function layoutArrivals(shelf: Shelf, indexBlob: StoredBlob, platforms: readonly string[]): Arrival[] {
  const read = manifestReader(shelf);
  const top = parseManifest(shelf.content.read(indexBlob.digest, maxManifestSize), "");
  if (top.kind !== "index") throw invalidArgument("index.json is not an index");
  if (top.index.manifests.length > maxLayoutEntries) throw invalidArgument("index.json has too many manifests");
  const wanted = platforms.length > 0 ? platforms.map(parsePlatform) : [hostPlatform()];
  const arrivals = new Map<string, Arrival & { names: Reference[] }>();
  for (const target of top.index.manifests) {
    const name = nameOf(target.annotations ?? {});
    for (const platform of wanted) {
      const descriptor = choose(shelf, read, target, platform);
      if (!descriptor) continue;
      const parsed = read(descriptor);
      if (parsed.kind !== "manifest" || !isDigest(parsed.manifest.config.digest)) continue;
      const { manifest } = parsed;
      const known = arrivals.get(manifest.config.digest);
      if (known) {
        if (name) known.names.push(name);
        continue;
      }
      const file = parseConfig(shelf.content.read(manifest.config.digest, maxManifestSize));
      if (!isWanted(file, platforms)) continue;
      const id = manifest.config.digest;
      arrivals.set(id, { id, file, manifest, manifestDescriptor: descriptor, target, names: name ? [name] : [] });
    }
  }
  if (arrivals.size === 0) throw noneWanted();
  return [...arrivals.values()];
}

function choose(
  shelf: Shelf,
  read: ReturnType<typeof manifestReader>,
  target: Descriptor,
  want: ReturnType<typeof hostPlatform>,
  depth = 0,
): Descriptor | null {
  if (depth > 3 || !shelf.content.has(target.digest)) return null;
  const parsed = read(target);
  if (parsed.kind === "manifest") return target;
  let best: { score: number; descriptor: Descriptor } | null = null;
  for (const descriptor of parsed.index.manifests) {
    const score = descriptor.platform ? platformMatch(want, descriptor.platform) : 0;
    if (score < 0 || !shelf.content.has(descriptor.digest) || (best && best.score >= score)) continue;
    best = { score, descriptor };
  }
  return best && choose(shelf, read, best.descriptor, want, depth + 1);
}

/** The name an OCI layout gives: containerd's full name, else `ref.name` where that is a name and not a bare tag. */
function nameOf(annotations: Record<string, string>): Reference | null {
  const text = annotations["io.containerd.image.name"] ?? annotations["org.opencontainers.image.ref.name"];
  if (text === undefined || (!text.includes(":") && !text.includes("/"))) return null;
  const reference = parseReference(text);
  return reference.digest === null ? newName(reference) : null;
}

/** Whether an image is for one of the platforms that are asked for; none asks for any. */
export const isWanted = (file: Arrival["file"], platforms: readonly string[]): boolean =>
  platforms.length === 0 || platforms.some((one) => platformMatch(parsePlatform(one), platformOf(file)) >= 0);

export const noneWanted = (): Error => invalidArgument("archive holds no image for the requested platform");
