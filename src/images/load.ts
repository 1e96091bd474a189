/** `load`: images from a tar as `save`, skopeo or buildx write it: Docker archives and OCI layouts, packed or not. */
import type { Readable } from "node:stream";
import * as v from "valibot";
import type { ProgressSink } from "../api/images.ts";
import type { Ingest, StoredBlob } from "../content/content-store.ts";
import { decompress } from "../lib/compression.ts";
import { type Digest, isDigest } from "../lib/digest.ts";
import { invalidArgument, isKind } from "../lib/errors.ts";
import { parseJson } from "../lib/json.ts";
import type { Operation } from "../lib/operation.ts";
import { hostPlatform, parsePlatform, platformMatch } from "../lib/platform.ts";
import { familiarReference, parseReference, type Reference, withDefaultTag } from "../lib/reference.ts";
import type { TarEntry } from "../lib/tar/entry.ts";
import { TarReader } from "../lib/tar/reader.ts";
import { type Descriptor, type Manifest, maxManifestSize, mediaTypes, parseConfig, parseManifest } from "./manifest.ts";
import type { Arrival, Hold, Shelf } from "./shelf.ts";

/** Most members of an archive of images. */
const maxMembers = 100_000;

/** The files of an archive, by name; each is a blob already. Names never reach the file system. */
interface Members {
  readonly files: Map<string, StoredBlob>;
  readonly links: Map<string, string>;
}

export async function load(
  shelf: Shelf,
  query: { quiet: boolean; platforms: readonly string[] },
  archive: Readable,
  progress: ProgressSink,
  op: Operation,
): Promise<void> {
  const hold = shelf.hold();
  const seen = new Set<Digest>();
  try {
    const members = await op.timings.measure("receive", () => receive(shelf, hold, archive, seen, op));
    const arrivals = arrivalsOf(shelf, hold, members, query.platforms, seen);
    for (const arrival of arrivals) {
      const image = await shelf.place(arrival, hold, op, (layer, state) => {
        if (query.quiet || state === "exists") return;
        const id = layer.digest.slice(7, 19);
        const detail = { current: layer.size, total: layer.size };
        if (state === "complete") progress({ status: "Loading layer", id, progressDetail: detail });
      });
      shelf.catalog.emit("load", image.id, image.id);
      for (const name of arrival.names) progress({ stream: `Loaded image: ${familiarReference(name)}\n` });
      if (arrival.names.length === 0) progress({ stream: `Loaded image ID: ${image.id}\n` });
    }
  } finally {
    archive.destroy();
    const chains = [...hold.chains];
    hold[Symbol.dispose]();
    await shelf.release(chains, seen);
  }
}

function cleanName(bytes: Buffer | string): string {
  return bytes.toString("utf8").replace(/^(?:\.\/)+/, "");
}

async function receive(
  shelf: Shelf,
  hold: Hold,
  archive: Readable,
  seen: Set<Digest>,
  op: Operation,
): Promise<Members> {
  const members: Members = { files: new Map(), links: new Map() };
  let ingest: Ingest | null = null;
  let name = "";
  const reader = new TarReader({
    entry(entry: TarEntry) {
      name = cleanName(entry.path);
      if (members.files.size + members.links.size > maxMembers) throw invalidArgument("archive has too many members");
      if (entry.type === "file") ingest = shelf.content.ingest();
      else if (entry.type === "symlink" || entry.type === "hardlink") {
        const target = cleanName(entry.linkPath);
        const dir = name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : "";
        members.links.set(name, entry.type === "hardlink" ? target : joinName(dir, target));
      }
    },
    data: (bytes) => ingest?.write(bytes),
    hole() {
      throw invalidArgument("archive of images holds a sparse file");
    },
    end() {
      if (!ingest) return;
      const blob = ingest.commit(null, hold.lease);
      ingest = null;
      seen.add(blob.digest);
      members.files.set(name, blob);
    },
  });
  try {
    for await (const chunk of decompress(archive as AsyncIterable<Uint8Array>, op.signal)) {
      op.signal.throwIfAborted();
      reader.push(chunk);
    }
    reader.finish();
  } finally {
    (ingest as Ingest | null)?.discard();
  }
  return members;
}

function joinName(dir: string, target: string): string {
  const parts: string[] = [];
  for (const part of `${dir}/${target}`.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** The blob of a member; a link is followed inside the archive only. */
function member({ files, links }: Members, path: string): StoredBlob | undefined {
  let at = cleanName(path);
  for (let hops = 0; hops < 8; hops++) {
    const blob = files.get(at);
    if (blob) return blob;
    const next = links.get(at);
    if (next === undefined) return undefined;
    at = next;
  }
  return undefined;
}

const DockerManifest = v.array(
  v.object({
    Config: v.string(),
    RepoTags: v.optional(v.nullable(v.array(v.string())), null),
    Layers: v.pipe(
      v.optional(v.nullable(v.array(v.string())), null),
      v.transform((list) => list ?? []),
    ),
  }),
);

function readJson(shelf: Shelf, blob: StoredBlob): unknown {
  return parseJson(shelf.content.read(blob.digest, maxManifestSize).toString("utf8"));
}

function arrivalsOf(
  shelf: Shelf,
  hold: Hold,
  members: Members,
  platforms: readonly string[],
  seen: Set<Digest>,
): Arrival[] {
  const docker = member(members, "manifest.json");
  if (docker) {
    const parsed = v.safeParse(DockerManifest, readJson(shelf, docker));
    if (!parsed.success) throw invalidArgument("invalid manifest.json in archive");
    const index = layoutManifests(shelf, members);
    return parsed.output.map((image) => dockerArrival(shelf, hold, members, image, index, seen));
  }
  const index = member(members, "index.json");
  if (!index) throw invalidArgument("open manifest.json: no such file or directory: archive holds no image");
  return layoutArrivals(shelf, index, platforms);
}

function dockerArrival(
  shelf: Shelf,
  hold: Hold,
  members: Members,
  image: v.InferOutput<typeof DockerManifest>[number],
  known: readonly { descriptor: Descriptor; manifest: Manifest }[],
  seen: Set<Digest>,
): Arrival {
  const config = member(members, image.Config);
  if (!config) throw invalidArgument(`archive names a config that it does not hold: ${JSON.stringify(image.Config)}`);
  const file = parseConfig(shelf.content.read(config.digest, maxManifestSize));
  const names = (image.RepoTags ?? []).map((tag) => withDefaultTag(parseReference(tag)));
  const original = known.find((one) => one.manifest.config.digest === config.digest);
  if (original) {
    const { descriptor, manifest } = original;
    return { id: config.digest, file, manifest, manifestDescriptor: descriptor, target: descriptor, names };
  }
  const layers = image.Layers.map((path): Descriptor => {
    const blob = member(members, path);
    if (!blob) throw invalidArgument(`archive names a layer that it does not hold: ${JSON.stringify(path)}`);
    return { mediaType: mediaTypes.ociLayer, ...blob };
  });
  const made = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, ...config },
    layers,
  };
  const bytes = Buffer.from(JSON.stringify(made));
  const stored = shelf.content.put(bytes, hold.lease);
  seen.add(stored.digest);
  const parsed = parseManifest(bytes, mediaTypes.ociManifest);
  if (parsed.kind !== "manifest") throw invalidArgument("invalid manifest.json in archive");
  const descriptor: Descriptor = { mediaType: mediaTypes.ociManifest, ...stored };
  return {
    id: config.digest,
    file,
    manifest: parsed.manifest,
    manifestDescriptor: descriptor,
    target: descriptor,
    names,
  };
}

/** The image manifests among an archive's blobs that its index.json leads to and that are complete; none is fine. */
function layoutManifests(shelf: Shelf, members: Members): { descriptor: Descriptor; manifest: Manifest }[] {
  const index = member(members, "index.json");
  if (!index) return [];
  try {
    return layoutArrivals(shelf, index, []).map((one) => ({
      descriptor: one.manifestDescriptor,
      manifest: one.manifest,
    }));
  } catch (error) {
    if (!isKind(error, "invalidArgument", "notFound")) throw error;
    return [];
  }
}

function layoutArrivals(shelf: Shelf, indexBlob: StoredBlob, platforms: readonly string[]): Arrival[] {
  const top = parseManifest(shelf.content.read(indexBlob.digest, maxManifestSize), "");
  if (top.kind !== "index") throw invalidArgument("index.json is not an index");
  const wanted = platforms.length > 0 ? platforms.map(parsePlatform) : [hostPlatform()];
  const arrivals = new Map<string, Arrival & { names: Reference[] }>();
  for (const target of top.index.manifests) {
    const name = nameOf(target.annotations ?? {});
    for (const platform of wanted) {
      const descriptor = choose(shelf, target, platform, 0);
      if (!descriptor) continue;
      const parsed = parseManifest(shelf.content.read(descriptor.digest, maxManifestSize), descriptor.mediaType);
      if (parsed.kind !== "manifest" || !isDigest(parsed.manifest.config.digest)) continue;
      const { manifest } = parsed;
      const known = arrivals.get(manifest.config.digest);
      if (known) {
        if (name) known.names.push(name);
        continue;
      }
      const file = parseConfig(shelf.content.read(manifest.config.digest, maxManifestSize));
      const id = manifest.config.digest;
      arrivals.set(id, { id, file, manifest, manifestDescriptor: descriptor, target, names: name ? [name] : [] });
    }
  }
  if (arrivals.size === 0) throw invalidArgument("archive holds no image for the requested platform");
  return [...arrivals.values()];
}

function choose(
  shelf: Shelf,
  target: Descriptor,
  want: ReturnType<typeof hostPlatform>,
  depth: number,
): Descriptor | null {
  if (depth > 3 || !shelf.content.has(target.digest)) return null;
  const parsed = parseManifest(shelf.content.read(target.digest, maxManifestSize), target.mediaType);
  if (parsed.kind === "manifest") return target;
  let best: { score: number; descriptor: Descriptor } | null = null;
  for (const descriptor of parsed.index.manifests) {
    const score = descriptor.platform ? platformMatch(want, descriptor.platform) : 0;
    if (score < 0 || !shelf.content.has(descriptor.digest) || (best && best.score >= score)) continue;
    best = { score, descriptor };
  }
  return best && choose(shelf, best.descriptor, want, depth + 1);
}

/** The name an OCI layout gives: containerd's full name, else `ref.name` where that is a name and not a bare tag. */
function nameOf(annotations: Record<string, string>): Reference | null {
  const text = annotations["io.containerd.image.name"] ?? annotations["org.opencontainers.image.ref.name"];
  if (text === undefined || (!text.includes(":") && !text.includes("/"))) return null;
  const reference = withDefaultTag(parseReference(text));
  return reference.digest === null ? reference : null;
}
