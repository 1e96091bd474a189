/** `push`: blobs that the repository lacks, then the manifest under its tag. */
import { Readable } from "node:stream";
import type { ProgressMessage, ProgressSink } from "../api/images.ts";
import type { AuthConfig } from "../api/system.ts";
import { runHelper } from "../helper/helper-process.ts";
import type { Digest } from "../lib/digest.ts";
import { dataLoss, invalidArgument, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import {
  familiarReference,
  familiarRepository,
  parseReference,
  type Reference,
  repositoryOf,
} from "../lib/reference.ts";
import type { RegistryOptions } from "../registry/transport.ts";
import { RegistryUploads } from "../registry/uploads.ts";
import type { Image } from "./catalog.ts";
import { checkPlatform } from "./check-platform.ts";
import type { ImagesOptions } from "./images.ts";
import { besides, isWhole } from "./index-content.ts";
import { type Descriptor, isForeign, isUnpacked, maxManifestSize, mediaTypes } from "./manifest.ts";
import type { PackedLayers } from "./packed-layers.ts";
import type { PushLine, PushRequest } from "./push-helper.ts";
import { warningsOnce, warningTeller } from "./registry-warnings.ts";
import type { Shelf } from "./shelf.ts";
import type { OutgoingBlob, SentBlob } from "./upload.ts";

/** Repositories that a blob is asked from. */
const maxSources = 3;

export interface PushQuery {
  /** "" for all tags of the repository. */
  readonly tag: string;
  readonly platform: string;
  readonly auth: AuthConfig | undefined;
}

export class Pusher {
  constructor(
    private readonly shelf: Shelf,
    private readonly packed: PackedLayers,
    private readonly options: ImagesOptions,
  ) {}

  async push(name: string, query: PushQuery, progress: ProgressSink, op: Operation): Promise<void> {
    op.signal.throwIfAborted();
    const repository = parseReference(name);
    if (repository.digest !== null) throw invalidArgument("cannot push a digest reference");
    const tags = this.#tagged(repository, query.tag || repository.tag || "");
    for (const { reference, image } of tags) checkPlatform(image, query.platform, familiarReference(reference));
    const told = warningsOnce(progress);
    progress({ status: `The push refers to repository [${repositoryOf(repository)}]` });
    if (tags.length === 0) throw this.#missing(repository, query.tag);
    for (const { reference, image } of tags) await this.#pushOne(reference, image, query.auth, told, op);
  }

  /** What is to be sent under which tag; "" means all tags of the repository. */
  #tagged(repository: Reference, tag: string): { reference: Reference; image: Image }[] {
    const { catalog } = this.shelf;
    return catalog.ids().flatMap((id) =>
      catalog
        .namesOf(id)
        .filter((one) => repositoryOf(one) === repositoryOf(repository) && one.tag !== null)
        .filter((one) => tag === "" || one.tag === tag)
        .map((reference) => ({ reference, image: catalog.get(id) })),
    );
  }

  #missing(repository: Reference, tag: string): Error {
    const shown = familiarRepository(repository);
    return this.#tagged(repository, "").length > 0
      ? notFound(`tag does not exist: ${shown}:${tag}`)
      : notFound(`An image does not exist locally with the tag: ${shown}`);
  }

  async #pushOne(
    reference: Reference,
    image: Image,
    auth: AuthConfig | undefined,
    tell: ProgressSink,
    op: Operation,
  ): Promise<void> {
    const { content, catalog } = this.shelf;
    const { domain, path, tag } = reference;
    const registry: RegistryOptions = { domain, auth, insecure: this.options.config.registry.insecure };
    using hold = this.shelf.hold();
    const layers = new Map(image.manifest.layers.filter((layer) => !isForeign(layer)).map((one) => [one.digest, one]));
    for (const { digest } of [...layers.values(), image.manifest.config]) {
      hold.lease.add(digest);
      if (!content.has(digest))
        throw dataLoss(`blob ${digest} of ${familiarReference(reference)} is missing: pull it again`);
    }
    for (const { digest } of [image.record.manifest, image.record.target]) hold.lease.add(digest);
    // A push tells of layers by what they hold, whichever way they are packed.
    const held = new Map(image.manifest.layers.map(({ digest }, at) => [digest, image.file.rootfs.diff_ids[at]]));
    const shownId = (digest: Digest): string => (held.get(digest) ?? digest).slice(7, 19);
    for (const { digest } of layers.values()) tell({ status: "Preparing", progressDetail: {}, id: shownId(digest) });
    // An index that is here with all that it lists goes as it is; of another one, the image that is here goes alone.
    const others = isWhole(content, image.record) ? besides(content, image.record) : null;
    for (const { digest } of others ?? []) hold.lease.add(digest);
    const packs = (layer: Descriptor): boolean => others === null && isUnpacked(layer);
    const outgoing = [...layers.values()].map((layer) => this.#outgoing(layer, packs(layer), reference));
    const beside = (others ?? []).filter((one) => !isForeign(one) && !isManifest(one) && !layers.has(one.digest));
    const sent = await this.#send(
      [
        ...outgoing,
        ...beside.map((blob) => this.#outgoing(blob, false, reference)),
        this.#outgoing(image.manifest.config, false, reference),
      ],
      registry,
      path,
      (digest, message) => tell({ id: shownId(digest), ...message }),
      op,
    );
    failPoint("images.push.sent");
    const onWarning = warningTeller(registry, tell, this.options.log);
    const uploads = new RegistryUploads({ ...registry, onWarning }, path);
    for (const { digest, mediaType } of (others ?? []).filter(isManifest)) {
      await uploads.manifest(digest, content.read(digest, maxManifestSize), mediaType, op.signal);
    }
    const top = others === null ? image.record.manifest : image.record.target;
    const stored = content.read(top.digest, maxManifestSize);
    const bytes = image.manifest.layers.some(packs) ? packedManifest(stored, sent) : stored;
    const digest = await uploads.manifest(tag ?? "", bytes, top.mediaType, op.signal);
    // By this digest others find what was pushed: so do we.
    catalog.name(image.id, { ...reference, tag: null, digest });
    tell({ status: `${tag}: digest: ${digest} size: ${bytes.length}` });
    tell({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: bytes.length } });
    catalog.emit("push", familiarReference(reference), { name: familiarRepository(reference) });
  }

  #outgoing({ digest, size }: Descriptor, pack: boolean, target: Reference): OutgoingBlob {
    const packed = pack ? this.packed.get(digest) : null;
    return { digest, size, pack, packed, sources: this.#sources(digest, target) };
  }

  /** Other repositories of that registry from or to which an image with this blob came. */
  #sources(digest: Digest, target: Reference): string[] {
    const { catalog } = this.shelf;
    const sources = new Set<string>();
    for (const image of catalog.readable()) {
      const has = image.id === digest || image.manifest.layers.some((layer) => layer.digest === digest);
      if (!has) continue;
      for (const name of catalog.namesOf(image.id)) {
        if (name.digest !== null && name.domain === target.domain && name.path !== target.path) sources.add(name.path);
      }
    }
    return [...sources].slice(0, maxSources);
  }

  /** Sends what the registry lacks, and tells of each layer; answers what the registry has of each blob. */
  async #send(
    blobs: readonly OutgoingBlob[],
    registry: RegistryOptions,
    path: string,
    tell: (layer: Digest, message: ProgressMessage) => void,
    op: Operation,
  ): Promise<Map<Digest, SentBlob>> {
    const { content } = this.shelf;
    const sent = new Map<Digest, SentBlob>();
    const byDigest = new Map(blobs.map((blob) => [blob.digest, blob]));
    const config = blobs.at(-1);
    const onLine = (line: unknown): void => {
      const event = line as PushLine; // our own helper wrote it
      const blob = byDigest.get(event.digest);
      if (!blob) return;
      if ("as" in event) {
        sent.set(blob.digest, event.as);
        if (blob.pack) this.packed.put(blob.digest, event.as);
      }
      if (blob !== config) tell(blob.digest, messageOf(event, blob.size));
    };
    const { maxConcurrentUploads } = this.options.config;
    const request: PushRequest = {
      contentRoot: content.root,
      registry,
      path,
      blobs: [...byDigest.values()],
      parallel: Math.max(1, Math.min(maxConcurrentUploads || 5, 16)),
      attempts: 5,
    };
    await runHelper<true>("push-blobs", {}, Readable.from([JSON.stringify(request)]), op.signal, { onLine });
    return sent;
  }
}

const isManifest = ({ mediaType }: Descriptor): boolean =>
  mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest;

/** What the stock client draws its bars from. */
function messageOf(event: PushLine, total: number): ProgressMessage {
  switch (event.event) {
    case "progress":
      return { status: "Pushing", progressDetail: { current: event.current, total } };
    case "retrying":
      return { status: `Retrying in ${event.seconds} second${event.seconds > 1 ? "s" : ""}`, progressDetail: {} };
    case "mounted":
      return { status: `Mounted from ${event.from}`, progressDetail: {} };
    case "exists":
      return { status: "Layer already exists", progressDetail: {} };
    case "pushed":
      return { status: "Pushed", progressDetail: {} };
  }
}

/** The manifest with its uncompressed layers as the registry has them. */
function packedManifest(bytes: Buffer, sent: ReadonlyMap<Digest, SentBlob>): Buffer {
  const manifest = JSON.parse(bytes.toString("utf8")) as { layers: Descriptor[] }; // parsed before, by the catalog
  const layers = manifest.layers.map((layer) => {
    const as = isUnpacked(layer) ? sent.get(layer.digest) : undefined;
    return as ? { ...layer, mediaType: packedType(layer.mediaType), ...as } : layer;
  });
  return Buffer.from(JSON.stringify({ ...manifest, layers }));
}

const packedType = (mediaType: string): string =>
  mediaType === mediaTypes.dockerLayer ? `${mediaType}.gzip` : `${mediaType}+gzip`;
