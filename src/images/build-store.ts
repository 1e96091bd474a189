/** Images as a builder sees them: what a stage begins at, layers on their way, and what a build ends as. */
import { closeSync } from "node:fs";
import type { Readable } from "node:stream";
import type { Digest } from "../lib/digest.ts";
import { isKind } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { type Platform, platformMatch } from "../lib/platform.ts";
import { familiarReference, formatReference, parseReference, repositoryOf, withDefaultTag } from "../lib/reference.ts";
import type { Image } from "./catalog.ts";
import { storeLayer } from "./make-image.ts";
import {
  type Descriptor,
  type ImageConfigFile,
  mediaTypes,
  parseConfig,
  parseManifest,
  platformOf,
} from "./manifest.ts";
import type { Hold, Shelf } from "./shelf.ts";

/** One layer of a tree: its blob, the digest of its bytes unpacked, and its place. */
export interface BuildLayer {
  readonly blob: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
}

export interface BuildBase {
  readonly id: string;
  readonly reference: string;
  readonly file: ImageConfigFile;
  readonly layers: readonly BuildLayer[];
}

export interface BuiltImage {
  readonly file: Readonly<Record<string, unknown>>;
  readonly layers: readonly BuildLayer[];
  readonly names: readonly string[];
  readonly parent: string;
}

/** Who needs layers besides the images: the builder's cache. */
export interface LayerUser {
  layers(): Iterable<BuildLayer>;
}

export class BuildStore {
  readonly #shelf: Shelf;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  /** The image of that name or id; null when there is none for the platform. Damaged ones throw. */
  find(nameOrId: string, platform: Platform | null): BuildBase | null {
    let found: ReturnType<Shelf["catalog"]["find"]>;
    try {
      found = this.#shelf.catalog.find(nameOrId);
    } catch (error) {
      if (isKind(error, "notFound")) return null;
      throw error;
    }
    const { image, name } = found;
    if (platform !== null && platformMatch(platform, platformOf(image.file)) < 0) return null;
    return {
      id: image.id,
      reference: name ? this.#pinned(image, name) : image.id,
      file: image.file,
      layers: layersOf(image),
    };
  }

  /** With the digest under which a registry knows it, where one does. */
  #pinned(image: Image, name: ReturnType<typeof parseReference>): string {
    const repository = repositoryOf(name);
    const known = this.#shelf.catalog
      .namesOf(image.id)
      .find((one) => one.digest !== null && repositoryOf(one) === repository);
    return formatReference(known?.digest ? { ...name, digest: known.digest } : name);
  }

  hold(): Hold {
    return this.#shelf.hold();
  }

  store(hold: Hold, tar: Readable, op: Operation): Promise<Descriptor> {
    return storeLayer(this.#shelf, hold, tar, op);
  }

  /** As {@link store}, of a tar that `write` puts into an open file and brings to the disk; it answers what that is. */
  async storeWritten(
    hold: Hold,
    write: (fd: number) => Promise<{ readonly digest: Digest; readonly size: number }>,
  ): Promise<Descriptor> {
    const { content } = this.#shelf;
    const session = content.session();
    const { path, fd } = content.openIngest(session);
    try {
      const blob = await content.adopt({ path, ...(await write(fd)) }, hold.lease);
      failPoint("images.layer.received");
      return { mediaType: mediaTypes.ociLayer, ...blob };
    } finally {
      closeSync(fd);
      content.dropSession(session);
    }
  }

  pathOf({ digest }: Descriptor): string {
    return this.#shelf.content.path(digest);
  }

  checkName(name: string): void {
    withDefaultTag(parseReference(name));
  }

  /** Writes configuration and manifest and gives the names; every layer is unpacked and stored by now. */
  async make(hold: Hold, made: BuiltImage, op: Operation): Promise<{ id: string; names: string[] }> {
    const { content, catalog } = this.#shelf;
    const names = made.names.map((name) => withDefaultTag(parseReference(name)));
    const bytes = Buffer.from(JSON.stringify(made.file));
    const config = await content.put(bytes, hold.lease);
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: config.digest, size: config.size },
      layers: made.layers.map(({ blob: { mediaType, digest, size } }) => ({ mediaType, digest, size })),
    };
    const manifestBytes = Buffer.from(JSON.stringify(manifest));
    const stored = await content.put(manifestBytes, hold.lease);
    const parsed = parseManifest(manifestBytes, mediaTypes.ociManifest);
    if (parsed.kind !== "manifest") throw new Error("a manifest of ours did not parse as one");
    failPoint("images.built.stored");
    const descriptor: Descriptor = { mediaType: mediaTypes.ociManifest, ...stored };
    const arrival = {
      id: config.digest,
      file: parseConfig(bytes),
      manifest: parsed.manifest,
      manifestDescriptor: descriptor,
      target: descriptor,
      parent: made.parent,
      names,
    };
    const { id } = await this.#shelf.place(arrival, hold, op);
    for (const name of names) catalog.emit("tag", id, { name: familiarReference(name) });
    return { id, names: names.map(familiarReference) };
  }

  /** Bytes of unpacked layers that went. */
  async release(layers: readonly BuildLayer[]): Promise<number> {
    let bytes = 0;
    let waiting = [...layers];
    // One that another stands on goes once that is gone.
    for (let before = -1; waiting.length !== before; ) {
      before = waiting.length;
      for (const { blob, chainId } of waiting) bytes += (await this.#shelf.release([chainId], [blob.digest])).bytes;
      waiting = waiting.filter(({ chainId }) => this.#shelf.snapshots.hasLayer(chainId));
    }
    return bytes;
  }

  isUsedByImage(chainId: Digest): boolean {
    return this.#shelf.catalog.uses.ofImages()?.chains.has(chainId) ?? true;
  }

  keepFor(user: LayerUser): void {
    this.#shelf.catalog.uses.keepFor(() =>
      [...user.layers()].map(({ blob, chainId }) => ({ blob: blob.digest, chainId })),
    );
  }
}

function layersOf({ file, manifest, chain }: Image): BuildLayer[] {
  return manifest.layers.map((blob, i) => ({ blob, diffId: file.rootfs.diff_ids[i]!, chainId: chain[i]! }));
}
