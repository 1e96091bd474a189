import * as v from "valibot";
import type { Database } from "../state/database.ts";
import { RecordStore } from "../state/record-store.ts";

const Moment = v.object({ at: v.pipe(v.string(), v.isoTimestamp()) });

/** How far what is written may lie behind what is known; a container's removal shall not wait for it each time. */
const writtenMs = 60_000;

const lastRun = "last-run";

/** When images were last of use, and when the last collection by interval was; kept across restarts. */
export class GcClock {
  readonly #db: Database;
  readonly #store: RecordStore<v.InferOutput<typeof Moment>>;
  readonly #known: Map<string, number>;
  readonly #written = new Map<string, number>();
  readonly now: () => number;

  constructor(db: Database, now: () => number = Date.now) {
    this.#db = db;
    this.now = now;
    this.#store = new RecordStore(db, { table: "gc", version: 1, parse: (value) => v.parse(Moment, value) });
    this.#known = new Map([...this.#store.list().records].map(([id, { at }]) => [id, Date.parse(at)]));
  }

  /** A container that stood on the image is gone. */
  imageReleased(imageId: string): void {
    this.#note(imageId, writtenMs);
  }

  /** Since when nothing uses the image; one that was never tagged counts from the first look at it. */
  imageUnusedSince(imageId: string, lastTagged: number): number {
    const released = this.#known.get(imageId);
    if (released === undefined && !(lastTagged > 0)) return this.#note(imageId, 0);
    return Math.max(released ?? 0, lastTagged);
  }

  /** Drops what is known of images that are gone. */
  forgetOthers(images: ReadonlySet<string>): void {
    const gone = [...this.#known.keys()].filter((id) => id !== lastRun && !images.has(id));
    if (gone.length === 0) return;
    this.#db.transaction("normal", (tx) => {
      for (const id of gone) this.#store.delete(tx, id);
    });
    for (const id of gone) {
      this.#known.delete(id);
      this.#written.delete(id);
    }
  }

  get lastRun(): number | undefined {
    return this.#known.get(lastRun);
  }

  ran(): void {
    this.#note(lastRun, 0);
  }

  #note(id: string, behindMs: number): number {
    const now = this.now();
    this.#known.set(id, now);
    if (now - (this.#written.get(id) ?? 0) >= behindMs) {
      this.#db.transaction("normal", (tx) => this.#store.put(tx, id, { at: new Date(now).toISOString() }));
      this.#written.set(id, now);
    }
    return now;
  }
}
