/** `load`: images from a tar as `save`, skopeo or buildx write it: Docker archives and OCI layouts, packed or not. */
import type { Readable } from "node:stream";
import * as v from "valibot";
import type { ProgressSink } from "../api/images.ts";
import type { SealedBlob, StoredBlob } from "../content/content-store.ts";
import { runHelper } from "../helper/helper-process.ts";
import type { Digest } from "../lib/digest.ts";
import { invalidArgument, isKind } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { familiarReference, parseReference, type Reference } from "../lib/reference.ts";
import { isWanted, layoutArrivals, noneWanted } from "./load-layout.ts";
import {
  type Descriptor,
  decodeJson,
  type Manifest,
  maxManifestSize,
  mediaTypes,
  parseConfig,
  parseManifest,
} from "./manifest.ts";
import { newName } from "./new-name.ts";
import { cleanName, type MemberLine, type ReceiveRequest } from "./receive-helper.ts";
import type { Arrival, Hold, Shelf } from "./shelf.ts";

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
    failPoint("images.load.received");
    const arrivals = await arrivalsOf(shelf, hold, members, query.platforms, seen);
    // Layers may have been left out of the archive because they are here: they stay until the image has its record.
    for (const { manifest } of arrivals) for (const { digest } of manifest.layers) hold.lease.add(digest);
    for (const arrival of arrivals) {
      const image = await shelf.place(arrival, hold, op, (layer, state) => {
        if (query.quiet || state === "exists") return;
        const id = layer.digest.slice(7, 19);
        const detail = { current: layer.size, total: layer.size };
        if (state === "complete") progress({ status: "Loading layer", id, progressDetail: detail });
      });
      shelf.catalog.emit("load", image.id);
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

/** Has a helper take the archive apart, and gives every file of it its place in the store. */
async function receive(
  shelf: Shelf,
  hold: Hold,
  archive: Readable,
  seen: Set<Digest>,
  op: Operation,
): Promise<Members> {
  const members: Members = { files: new Map(), links: new Map() };
  const sealed: { name: string; blob: SealedBlob }[] = [];
  const { content } = shelf;
  const onLine = (line: unknown): void => {
    const member = line as MemberLine; // our own helper wrote it
    if ("blob" in member) sealed.push(member);
    else members.links.set(member.name, member.link);
  };
  const request: ReceiveRequest = { contentRoot: content.root, session: content.session() };
  try {
    await runHelper<true>("receive-archive", request, archive, op.signal, { onLine });
    for (const { name, blob } of sealed) {
      seen.add(blob.digest);
      members.files.set(name, await content.adopt(blob, hold.lease));
    }
  } finally {
    content.dropSession(request.session);
  }
  return members;
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

async function arrivalsOf(
  shelf: Shelf,
  hold: Hold,
  members: Members,
  platforms: readonly string[],
  seen: Set<Digest>,
): Promise<Arrival[]> {
  const docker = member(members, "manifest.json");
  if (docker) {
    const parsed = v.safeParse(
      DockerManifest,
      decodeJson(shelf.content.read(docker.digest, maxManifestSize), "manifest.json"),
    );
    if (!parsed.success) throw invalidArgument("invalid manifest.json in archive");
    const index = layoutManifests(shelf, members);
    const arrivals: Arrival[] = [];
    for (const image of parsed.output) {
      const arrival = await dockerArrival(shelf, hold, members, image, index, seen);
      if (isWanted(arrival.file, platforms)) arrivals.push(arrival);
    }
    if (arrivals.length === 0 && platforms.length > 0) throw noneWanted();
    return arrivals;
  }
  const index = member(members, "index.json");
  if (!index) throw invalidArgument("open manifest.json: no such file or directory: archive holds no image");
  return layoutArrivals(shelf, index, platforms);
}

async function dockerArrival(
  shelf: Shelf,
  hold: Hold,
  members: Members,
  image: v.InferOutput<typeof DockerManifest>[number],
  known: readonly { descriptor: Descriptor; manifest: Manifest; target: Descriptor }[],
  seen: Set<Digest>,
): Promise<Arrival> {
  const config = member(members, image.Config);
  if (!config) throw invalidArgument(`archive names a config that it does not hold: ${JSON.stringify(image.Config)}`);
  const file = parseConfig(shelf.content.read(config.digest, maxManifestSize));
  const names = (image.RepoTags ?? []).map(taggedName);
  const original = known.find((one) => one.manifest.config.digest === config.digest);
  if (original) {
    const { descriptor, manifest, target } = original;
    return { id: config.digest, file, manifest, manifestDescriptor: descriptor, target, names };
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
  const stored = await shelf.content.put(bytes, hold.lease);
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
function layoutManifests(
  shelf: Shelf,
  members: Members,
): { descriptor: Descriptor; manifest: Manifest; target: Descriptor }[] {
  const index = member(members, "index.json");
  if (!index) return [];
  try {
    return layoutArrivals(shelf, index, []).map((one) => ({
      descriptor: one.manifestDescriptor,
      manifest: one.manifest,
      target: one.target,
    }));
  } catch (error) {
    if (!isKind(error, "invalidArgument", "notFound")) throw error;
    return [];
  }
}

/** One of an archive's RepoTags, which name a tag and nothing else. */
function taggedName(text: string): Reference {
  const name = newName(parseReference(text));
  if (!text.endsWith(`:${name.tag}`)) throw invalidArgument(`invalid tag ${JSON.stringify(text)}`);
  return name;
}
