/** What builds give out besides plain images: layers in other forms, indexes, pushes; and what they fetch of caches. */
import { Readable } from "node:stream";
import type { SealedBlob, StoredBlob } from "../content/content-store.ts";
import { runHelper } from "../helper/helper-process.ts";
import type { Digest } from "../lib/digest.ts";
import { systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { familiarReference, parseReference, type Reference, withDefaultTag } from "../lib/reference.ts";
import { RegistryClient } from "../registry/client.ts";
import type { RegistryOptions } from "../registry/transport.ts";
import { RegistryUploads } from "../registry/uploads.ts";
import { startDownload } from "./arrivals.ts";
import type { ImagesOptions } from "./images.ts";
import type { ConvertRequest, FormedLayer, LayerForm, LayerForms } from "./layer-form.ts";
import { type Descriptor, isForeign, maxManifestSize, parseConfig, parseManifest } from "./manifest.ts";
import type { PushRequest } from "./push-helper.ts";
import type { Hold, Shelf } from "./shelf.ts";

/** An image, or an index of several, whose every blob is in the store. */
export interface StoredSet {
  /** The index, or the only manifest. */
  readonly top: Descriptor;
  /** Lowest first: each behind those that it lists; `top` is the last. */
  readonly manifests: readonly Descriptor[];
  /** Configurations, layers and statements. */
  readonly blobs: readonly Descriptor[];
}

/** A repository of a registry, and how it is spoken to. */
export interface Remote {
  /** As the user wrote it, with a tag or without. */
  readonly name: string;
  readonly auth: RegistryOptions["auth"];
  /** By the caller's word, besides the registries that the engine is told of. */
  readonly isInsecure: boolean;
}

export class BuildOutputs {
  readonly #shelf: Shelf;
  readonly #forms: LayerForms;
  readonly #options: Pick<ImagesOptions, "config">;

  constructor(shelf: Shelf, forms: LayerForms, options: Pick<ImagesOptions, "config">) {
    this.#shelf = shelf;
    this.#forms = forms;
    this.#options = options;
  }

  async put(hold: Hold, bytes: Uint8Array): Promise<StoredBlob> {
    return await this.#shelf.content.put(bytes, hold.lease);
  }

  /** Stores what a stream holds, which must be of that digest. */
  async receive(hold: Hold, { digest, size }: StoredBlob, body: AsyncIterable<Uint8Array>): Promise<void> {
    const { content } = this.#shelf;
    hold.lease.add(digest);
    if (content.size(digest) === size) return;
    using ingest = content.ingest();
    for await (const bytes of body) {
      ingest.write(bytes);
      if (ingest.size > size) break; // sealing says what is wrong
    }
    await ingest.commit({ digest, size }, hold.lease);
  }

  isHere({ digest, size }: StoredBlob): boolean {
    return this.#shelf.content.size(digest) === size;
  }

  /** A blob whole, verified; for manifests, configurations and statements. */
  read({ digest }: { readonly digest: Digest }): Buffer {
    return this.#shelf.content.read(digest, maxManifestSize);
  }

  /** The layer in that form: made once, and again when its blob has gone. */
  async convert(hold: Hold, layer: Digest, form: LayerForm, op: Operation): Promise<FormedLayer> {
    const { content } = this.#shelf;
    const known = this.#forms.get(layer, form);
    if (known) {
      hold.lease.add(known.digest);
      if (content.size(known.digest) === known.size) return known;
    }
    const request: ConvertRequest = { contentRoot: content.root, session: content.session(), source: layer, form };
    try {
      const sealed = await runHelper<SealedBlob & FormedLayer>("convert-layer", request, null, op.signal);
      const { digest, size } = await content.adopt(sealed, hold.lease);
      failPoint("images.layer.converted");
      const formed = { digest, size, diffId: sealed.diffId };
      this.#forms.put(layer, form, formed);
      return formed;
    } finally {
      content.dropSession(request.session);
    }
  }

  /** Records the image of `manifest`, which its name leads to by way of `set.top`. */
  async place(
    hold: Hold,
    set: StoredSet,
    image: { readonly manifest: Descriptor; readonly names: readonly string[]; readonly parent: string },
    op: Operation,
  ): Promise<{ id: string; names: string[] }> {
    const { catalog, content } = this.#shelf;
    const names = image.names.map((name) => withDefaultTag(parseReference(name)));
    const parsed = parseManifest(content.read(image.manifest.digest, maxManifestSize), image.manifest.mediaType);
    if (parsed.kind !== "manifest") throw new Error("a manifest of ours did not parse as one");
    const { manifest } = parsed;
    const id = manifest.config.digest;
    const before = catalog.recordOf(id);
    const old = before ? this.#blobsOf(id) : [];
    const arrival = {
      id,
      file: parseConfig(content.read(id, maxManifestSize)),
      manifest,
      manifestDescriptor: image.manifest,
      target: set.top,
      parent: image.parent,
      replaces: true,
      names,
    };
    failPoint("images.built.stored");
    await this.#shelf.place(arrival, hold, op);
    for (const name of names) catalog.emit("tag", id, { name: familiarReference(name) });
    await this.#shelf.release([], old);
    return { id, names: names.map(familiarReference) };
  }

  #blobsOf(id: Digest): Digest[] {
    const { record, manifest } = this.#shelf.catalog.get(id);
    return [record.manifest, record.target, ...manifest.layers].map(({ digest }) => digest);
  }

  /** Sends what the repository lacks, then the manifests; the last one under the name's tag, or by its digest alone. */
  async push(set: StoredSet, remote: Remote, isByDigest: boolean, op: Operation): Promise<void> {
    const { content } = this.#shelf;
    const reference = withDefaultTag(parseReference(remote.name));
    const registry = this.#registry(reference, remote);
    const blobs = new Map(set.blobs.filter((blob) => !isForeign(blob)).map((blob) => [blob.digest, blob]));
    const { maxConcurrentUploads } = this.#options.config;
    const request: PushRequest = {
      contentRoot: content.root,
      registry,
      path: reference.path,
      blobs: [...blobs.values()].map(({ digest, size }) => ({ digest, size, pack: false, packed: null, sources: [] })),
      parallel: Math.max(1, Math.min(maxConcurrentUploads || 5, 16)),
      attempts: 5,
    };
    await runHelper<true>("push-blobs", {}, Readable.from([JSON.stringify(request)]), op.signal, { onLine: () => {} });
    failPoint("images.set.sent");
    const uploads = new RegistryUploads(registry, reference.path);
    for (const { digest, mediaType } of set.manifests) {
      const isTop = digest === set.top.digest;
      const target = isTop && !isByDigest ? (reference.tag ?? digest) : digest;
      await uploads.manifest(target, content.read(digest, maxManifestSize), mediaType, op.signal);
    }
  }

  /** By the digest that a registry has of it, an image is known too. */
  nameByDigest(id: string, name: string, digest: Digest): void {
    const { catalog } = this.#shelf;
    const { image } = catalog.find(id);
    catalog.name(image.id, { ...withDefaultTag(parseReference(name)), tag: null, digest });
    catalog.emit("push", familiarReference(parseReference(name)));
  }

  /** A manifest or index as the registry has it; its bytes are in the store while the hold lasts. */
  async fetchManifest(hold: Hold, remote: Remote, digest: Digest | null, op: Operation): Promise<Descriptor> {
    const reference = withDefaultTag(parseReference(remote.name));
    const client = new RegistryClient(this.#registry(reference, remote));
    const wanted = digest ?? reference.digest ?? reference.tag ?? "latest";
    const { bytes, mediaType } = await client.manifest(reference.path, wanted, maxManifestSize, op.signal);
    const stored = await this.#shelf.content.put(bytes, hold.lease);
    return { mediaType, ...stored };
  }

  /** Brings one blob into the store. */
  async fetchBlob(hold: Hold, remote: Remote, blob: Descriptor, op: Operation): Promise<void> {
    const { content } = this.#shelf;
    const reference = withDefaultTag(parseReference(remote.name));
    hold.lease.add(blob.digest);
    const limits = { parallel: 1, attempts: this.#options.config.maxDownloadAttempts };
    const registry = this.#registry(reference, remote);
    const download = startDownload(content, registry, reference.path, [blob], limits, () => {}, op.signal);
    await download.ended;
    if (content.size(blob.digest) !== blob.size) throw systemError(`blob ${blob.digest} did not arrive`);
  }

  #registry({ domain }: Reference, { auth, isInsecure }: Remote): RegistryOptions {
    const { insecure } = this.#options.config.registry;
    return { domain, auth, insecure: isInsecure ? [...insecure, domain] : insecure };
  }

  /** Ends a hold, and throws away what it kept and nothing else does. */
  async letGo(hold: Hold): Promise<void> {
    const chains = [...hold.chains].reverse();
    const blobs = [...hold.lease.digests];
    hold[Symbol.dispose]();
    for (const chainId of chains) await this.#shelf.release([chainId], []);
    await this.#shelf.release([], blobs);
  }

  /** Forgets forms of layers that are not here any more. */
  sweep(): void {
    this.#forms.keep((blob) => this.#shelf.content.has(blob));
  }
}
