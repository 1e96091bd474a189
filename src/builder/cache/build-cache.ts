/**
 * What steps have come to: a step's key leads to the layer that it made. A key is a digest over what the step does, the content
 * of what it reads and the tree that it begins at, so that an entry is right for whoever computes the same key.
 */
import * as v from "valibot";
import { type Digest, isDigest } from "../../lib/digest.ts";
import type { Database } from "../../state/database.ts";
import { RecordStore } from "../../state/record-store.ts";
import type { Layer } from "../collaborators.ts";

const digest = v.custom<Digest>(isDigest);

const CacheRecord = v.object({
  layer: v.object({
    blob: v.object({ mediaType: v.string(), digest, size: v.number() }),
    diffId: digest,
    chainId: digest,
  }),
  /** Chain id of the tree below; "" for an empty one. */
  parent: v.string(),
  description: v.string(),
  size: v.number(),
  /** RFC 3339. */
  createdAt: v.string(),
  lastUsedAt: v.string(),
  usageCount: v.number(),
});
export type CacheRecord = v.InferOutput<typeof CacheRecord>;

export class BuildCache {
  readonly #db: Database;
  readonly #store: RecordStore<CacheRecord>;
  readonly #records: Map<string, CacheRecord>;
  readonly #hasLayer: (chainId: Digest) => boolean;

  constructor(db: Database, hasLayer: (chainId: Digest) => boolean, log: (message: string) => void) {
    this.#db = db;
    this.#store = new RecordStore(db, {
      table: "build_cache",
      version: 1,
      parse: (value) => v.parse(CacheRecord, value),
    });
    const { records, broken } = this.#store.list();
    for (const { id, reason } of broken) log(`build cache entry ${id} is unreadable and not used: ${reason}`);
    this.#records = records;
    this.#hasLayer = hasLayer;
  }

  /** The layer of an equal step; null when none is kept. Counts as a use. */
  find(key: string): { readonly layer: Layer; readonly createdAt: string } | null {
    const record = this.#records.get(key);
    if (!record || !this.#hasLayer(record.layer.chainId)) return null;
    this.#put(key, { ...record, lastUsedAt: new Date().toISOString(), usageCount: record.usageCount + 1 });
    return record;
  }

  /** When it was made, as it is recorded. */
  add(
    key: string,
    made: Pick<CacheRecord, "layer" | "parent" | "description" | "size">,
    createdAt = new Date().toISOString(),
  ): string {
    this.#put(key, { ...made, createdAt, lastUsedAt: new Date().toISOString(), usageCount: 1 });
    return createdAt;
  }

  /** A power cut may lose what a build had cached, never what it promised. */
  #put(key: string, record: CacheRecord): void {
    this.#db.transaction("normal", (tx) => this.#store.put(tx, key, record));
    this.#records.set(key, record);
  }

  remove(keys: readonly string[]): void {
    this.#db.transaction("normal", (tx) => {
      for (const key of keys) this.#store.delete(tx, key);
    });
    for (const key of keys) this.#records.delete(key);
  }

  entries(): ReadonlyMap<string, CacheRecord> {
    return this.#records;
  }

  *layers(): Iterable<Layer> {
    for (const { layer } of this.#records.values()) yield layer;
  }
}
