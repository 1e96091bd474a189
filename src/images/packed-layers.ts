/** What layers of ours were when they were packed for a registry, so that the next push can ask for it by its digest. */
import * as v from "valibot";
import { type Digest, isDigest } from "../lib/digest.ts";
import type { Database } from "../state/database.ts";
import { RecordStore } from "../state/record-store.ts";
import type { SentBlob } from "./upload.ts";

const PackedRecord = v.object({
  digest: v.custom<Digest>(isDigest),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});

export class PackedLayers {
  readonly #db: Database;
  readonly #records: RecordStore<SentBlob>;

  constructor(db: Database) {
    this.#db = db;
    this.#records = new RecordStore(db, {
      table: "packed_layers",
      version: 1,
      parse: (value) => v.parse(PackedRecord, value),
    });
  }

  /** By the digest of the layer as it is here. */
  get(layer: Digest): SentBlob | null {
    return this.#records.get(layer) ?? null;
  }

  put(layer: Digest, packed: SentBlob): void {
    this.#db.transaction("normal", (tx) => this.#records.put(tx, layer, packed));
  }

  /** Forgets layers that are not here any more. */
  keep(isHere: (layer: Digest) => boolean): void {
    const gone = [...this.#records.list().records.keys()].filter((layer) => !isDigest(layer) || !isHere(layer));
    if (gone.length > 0) this.#db.transaction("normal", (tx) => gone.map((layer) => this.#records.delete(tx, layer)));
  }
}
