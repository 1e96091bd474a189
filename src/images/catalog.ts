/** The records of images in memory: names, ids, configurations. All writes of image records go through here. */

import { ContainerConfig } from "../api/containers.ts";
import { parseWire } from "../api/wire.ts";
import type { ContentStore } from "../content/content-store.ts";
import type { EventSource } from "../events/events.ts";
import { type Digest, isDigest } from "../lib/digest.ts";
import { notFound, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import {
  familiarReference,
  formatReference,
  isIdPrefix,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
} from "../lib/reference.ts";
import type { Database } from "../state/database.ts";
import {
  chainIds,
  type Descriptor,
  type ImageConfigFile,
  type Manifest,
  maxManifestSize,
  parseConfig,
  parseManifest,
} from "./manifest.ts";
import { type ImageRecord, type ImageRecords, openImageRecords } from "./record.ts";
import { Uses } from "./uses.ts";

/** One image with everything that its blobs say. */
export interface Image {
  readonly id: Digest;
  readonly record: ImageRecord;
  readonly file: ImageConfigFile;
  readonly config: ContainerConfig;
  readonly manifest: Manifest;
  /** Chain ids, lowest first. */
  readonly chain: readonly Digest[];
}

const emptyConfig = (): ContainerConfig => parseWire(ContainerConfig, {});

export class Catalog {
  readonly content: ContentStore;
  readonly records: ImageRecords;
  readonly #emit: (event: EventSource) => void;
  readonly #images = new Map<Digest, ImageRecord>();
  /** Images whose record cannot be read, by another version of this program perhaps; removed by their whole id only. */
  readonly #unreadable = new Set<Digest>();
  readonly #names = new Map<string, Digest>();
  readonly #read = new Map<Digest, Image>();
  /** What must not be deleted. */
  readonly uses: Uses;

  constructor(
    db: Database,
    content: ContentStore,
    emit: (event: EventSource) => void,
    log: (message: string) => void = () => {},
  ) {
    this.content = content;
    this.records = openImageRecords(db);
    this.#emit = emit;
    this.uses = new Uses(this);
    const { records, broken } = this.records.images.list();
    for (const { id, reason } of broken) {
      log(`image ${id}: its record is unreadable: ${reason}`);
      if (isDigest(id)) this.#unreadable.add(id);
    }
    for (const [id, record] of records) if (isDigest(id)) this.#images.set(id, record);
    for (const [name, { image }] of this.records.names.list().records) {
      if (this.#images.has(image)) this.#names.set(name, image);
    }
  }

  /** True when every record can be read; what the blobs say is another matter. */
  get isReadable(): boolean {
    return this.#unreadable.size === 0;
  }

  ids(): Digest[] {
    return [...this.#images.keys()];
  }

  /** What is kept of an image that is known, whatever its blobs say. */
  recordOf(id: Digest): ImageRecord | undefined {
    return this.#images.get(id);
  }

  /** The image; throws `dataLoss` or `notFound` when its blobs are gone. */
  get(id: Digest): Image {
    const known = this.#read.get(id);
    if (known) return known;
    const record = this.#images.get(id);
    if (!record) throw notFound(`No such image: ${id}`);
    const file = parseConfig(this.content.read(id, maxManifestSize));
    const parsed = parseManifest(this.content.read(record.manifest.digest, maxManifestSize), record.manifest.mediaType);
    if (parsed.kind !== "manifest") throw systemError(`image ${id} has no manifest of its own`);
    const config = file.config ?? emptyConfig();
    const image = { id, record, file, config, manifest: parsed.manifest, chain: chainIds(file.rootfs.diff_ids) };
    this.#read.set(id, image);
    return image;
  }

  /** Images that can be read; a spoilt one is left out here and reported when it is asked for by name. */
  readable(): Image[] {
    return this.ids().flatMap((id) => {
      try {
        return [this.get(id)];
      } catch {
        return [];
      }
    });
  }

  /** Names of an image, each in full, in order. */
  namesOf(id: Digest): Reference[] {
    const names = [...this.#names].filter(([, image]) => image === id).map(([name]) => name);
    return names.sort().map(parseReference);
  }

  /** The image that a reference, an id or a prefix of one means, and the name that led to it. */
  find(nameOrId: string): { image: Image; name: Reference | null } {
    const { id, name } = this.locate(nameOrId);
    return { image: this.get(id), name };
  }

  /** As {@link find} for an image whose blobs may be gone. */
  locate(nameOrId: string): { id: Digest; name: Reference | null } {
    const missing = () => notFound(`No such image: ${this.#shown(nameOrId)}`);
    if (isDigest(nameOrId) || /^[0-9a-f]{64}$/.test(nameOrId)) {
      const id: Digest = isDigest(nameOrId) ? nameOrId : `sha256:${nameOrId}`;
      const owner =
        this.#images.has(id) || this.#unreadable.has(id)
          ? id
          : this.ids().find((one) => this.#targets(one).includes(id));
      if (!owner) throw missing();
      return { id: owner, name: null };
    }
    let reference: Reference | null = null;
    try {
      reference = withDefaultTag(parseReference(nameOrId));
    } catch (error) {
      if (!isIdPrefix(nameOrId)) throw error;
    }
    if (reference) {
      const name = reference.digest === null ? reference : { ...reference, tag: null };
      const id = this.#names.get(formatReference(name)) ?? this.#byDigest(name);
      if (id) return { id, name };
    }
    if (isIdPrefix(nameOrId)) {
      const prefix = nameOrId.startsWith("sha256:") ? nameOrId : `sha256:${nameOrId}`;
      const found = this.ids().filter((id) => id.startsWith(prefix));
      if (found.length > 1) throw notFound(`No such image: ${this.#shown(nameOrId)}`);
      if (found[0]) return { id: found[0], name: null };
    }
    throw missing();
  }

  #shown(name: string): string {
    try {
      return isDigest(name) ? name : familiarReference(withDefaultTag(parseReference(name)));
    } catch {
      return name;
    }
  }

  #targets(id: Digest): Digest[] {
    const record = this.#images.get(id);
    return record ? [record.manifest.digest, record.target.digest] : [];
  }

  /** `repo@sha256:...` also finds an image of that repository by its manifest's digest. */
  #byDigest(name: Reference): Digest | undefined {
    const digest = name.digest;
    if (digest === null) return undefined;
    return this.ids().find(
      (id) =>
        this.#targets(id).includes(digest) && this.namesOf(id).some((one) => repositoryOf(one) === repositoryOf(name)),
    );
  }

  /** Records an image (again) and gives it names, in one durable transaction. Its blobs must be in the store. */
  add(
    id: Digest,
    image: { manifest: Descriptor; target: Descriptor; parent?: string; replaces?: boolean },
    names: readonly Reference[],
  ): Image {
    const before = this.#images.get(id);
    const lastTagged = names.length > 0 ? new Date().toISOString() : (before?.lastTagged ?? "");
    const { manifest, target } = image;
    // An image that is here already keeps the manifest it came with, unless told otherwise: its layers' blobs are named there.
    const record: ImageRecord = before
      ? { ...before, lastTagged, ...(image.replaces ? { manifest, target } : {}) }
      : { manifest, target, parent: image.parent ?? "", lastTagged };
    this.records.db.transaction("full", (tx) => {
      this.records.images.put(tx, id, record);
      for (const name of names) this.records.names.put(tx, formatReference(name), { image: id });
      failPoint("images.recorded");
    });
    this.#images.set(id, record);
    this.#unreadable.delete(id);
    this.#read.delete(id);
    this.uses.changed();
    for (const name of names) this.#names.set(formatReference(name), id);
    return this.get(id);
  }

  /** Gives one more name; a name that led elsewhere moves. */
  tag(id: Digest, name: Reference): void {
    const record = this.#images.get(id);
    if (!record) throw notFound(`No such image: ${id}`);
    const { manifest, target } = record;
    this.add(id, { manifest, target }, [name]);
    this.emit("tag", id, { name: familiarReference(name) });
  }

  /** As {@link tag}, without a word: the name came with a push. */
  name(id: Digest, name: Reference): void {
    this.records.db.transaction("full", (tx) => this.records.names.put(tx, formatReference(name), { image: id }));
    this.#names.set(formatReference(name), id);
  }

  untag(name: Reference): void {
    const full = formatReference(name);
    const id = this.#names.get(full);
    this.records.db.transaction("full", (tx) => this.records.names.delete(tx, full));
    this.#names.delete(full);
    if (id) this.emit("untag", id);
  }

  /** Forgets an image and its names; layers and blobs are the caller's to delete. */
  forget(id: Digest): void {
    const names = [...this.#names].filter(([, image]) => image === id).map(([name]) => name);
    this.records.db.transaction("full", (tx) => {
      for (const name of names) this.records.names.delete(tx, name);
      this.records.images.delete(tx, id);
      failPoint("images.remove.recorded");
    });
    for (const name of names) {
      this.#names.delete(name);
      this.emit("untag", id);
    }
    this.#images.delete(id);
    this.#unreadable.delete(id);
    this.#read.delete(id);
    this.uses.changed();
    this.emit("delete", id);
  }

  /** Tells an event about an image, whose name is its id unless told; while the image is there, its labels go along. */
  emit(action: string, id: string, attributes: Readonly<Record<string, string>> = { name: id }): void {
    this.#emit({ type: "image", action, id, attributes: { ...this.#labelsOf(id), ...attributes } });
  }

  #labelsOf(nameOrId: string): Readonly<Record<string, string>> {
    try {
      return nameOrId === "" ? {} : this.find(nameOrId).image.config.Labels;
    } catch {
      // Gone, or unreadable: what happened to it is told all the same.
      return {};
    }
  }
}
