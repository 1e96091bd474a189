/** Volumes that come into being with their data, or change their names: the durable steps of both. */
import { conflict, notImplemented } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { NamedLocks } from "../lib/operation-lock.ts";
import type { Database } from "../state/database.ts";
import type { Intents } from "../state/intents.ts";
import type { RecordStore } from "../state/record-store.ts";
import type { LocalDriver } from "./local.ts";
import { anonymousLabel, localDriver, type VolumeRecord } from "./record.ts";
import { checkVolumeName } from "./volume-name.ts";

/** What of the book these steps go through. */
export interface BookParts {
  readonly db: Database;
  readonly driver: LocalDriver;
  readonly records: RecordStore<VolumeRecord>;
  readonly intents: Intents;
  /** Held for a name by everything that is done about it. */
  readonly locks: NamedLocks;
  readonly usersOf: (name: string) => string[];
  /** True for a name that somebody has, recorded or not. */
  readonly exists: (name: string) => boolean;
  readonly isRecorded: (name: string) => boolean;
  /** Throws `notFound`. */
  readonly get: (name: string) => VolumeRecord;
}

export class BookMoves {
  readonly #book: BookParts;

  constructor(book: BookParts) {
    this.#book = book;
  }

  /** A volume that was being filled goes; one that had moved and not changed its name in the records moves back. */
  async settle(): Promise<void> {
    for (const { id, subject } of this.#book.intents.pending("volumes.fill")) {
      if (!this.#book.isRecorded(subject)) this.#book.driver.remove(subject);
      this.#book.db.transaction("normal", (tx) => this.#book.intents.finish(tx, id));
    }
    for (const { id, subject, effects } of this.#book.intents.pending("volumes.rename")) {
      const [to = ""] = effects;
      if (this.#book.isRecorded(subject) && !this.#book.isRecorded(to)) await this.#book.driver.moveBack(subject, to);
      this.#book.db.transaction("normal", (tx) => this.#book.intents.finish(tx, id));
    }
  }

  /**
   * Makes a local volume that is there with its data or not at all: `fill` puts the data into the directory it is given.
   * `conflict` when there is a volume of that name.
   */
  fill(what: string, record: VolumeRecord, fill: (path: string) => Promise<void>): Promise<VolumeRecord> {
    const { name } = record;
    checkVolumeName(name);
    return this.#book.locks.run(name, async () => {
      this.#requireFree(what, name);
      const begun = { operation: "volumes.fill", subject: name, effects: ["data"] };
      const intent = this.#book.db.transaction("full", (tx) => this.#book.intents.begin(tx, begun));
      failPoint("volumes.fill.begun");
      try {
        await this.#book.driver.make(name, record.options, true);
        failPoint("volumes.fill.made");
        await fill(this.#book.driver.path(name));
        await this.#book.driver.make(name, record.options);
        failPoint("volumes.fill.filled");
        this.#book.db.transaction("full", (tx) => {
          this.#book.records.put(tx, name, record);
          this.#book.intents.finish(tx, intent);
        });
      } catch (error) {
        this.#book.driver.remove(name);
        this.#book.db.transaction("normal", (tx) => this.#book.intents.finish(tx, intent));
        throw error;
      }
      failPoint("volumes.fill.recorded");
      return record;
    });
  }

  #requireFree(what: string, name: string): void {
    if (this.#book.exists(name)) throw conflict(`${what}: volume ${name} already exists`);
  }

  /** Gives a local volume that nobody uses another name; an anonymous one is then none any more. */
  rename(from: string, to: string): Promise<VolumeRecord> {
    checkVolumeName(to);
    const [first = "", second = ""] = [from, to].sort();
    return this.#book.locks.run(first, () =>
      first === second ? this.#rename(from, to) : this.#book.locks.run(second, () => this.#rename(from, to)),
    );
  }

  async #rename(from: string, to: string): Promise<VolumeRecord> {
    const old = this.#book.get(from);
    if (old.driver !== localDriver) {
      throw notImplemented(`rename ${from}: volumes of the driver ${old.driver} cannot be renamed`);
    }
    const users = this.#book.usersOf(from);
    if (users.length > 0) throw conflict(`rename ${from}: volume is in use - [${users.join(", ")}]`);
    this.#requireFree(`rename ${from}`, to);
    const { [anonymousLabel]: _, ...labels } = old.labels ?? {};
    const record = { ...old, name: to, labels: old.labels && Object.keys(labels).length > 0 ? labels : null };
    const begun = { operation: "volumes.rename", subject: from, effects: [to] };
    const intent = this.#book.db.transaction("full", (tx) => this.#book.intents.begin(tx, begun));
    failPoint("volumes.rename.begun");
    try {
      await this.#book.driver.move(from, to);
      failPoint("volumes.rename.moved");
      this.#book.db.transaction("full", (tx) => {
        this.#book.records.delete(tx, from);
        this.#book.records.put(tx, to, record);
        this.#book.intents.finish(tx, intent);
      });
    } catch (error) {
      await this.#book.driver.moveBack(from, to);
      this.#book.db.transaction("normal", (tx) => this.#book.intents.finish(tx, intent));
      throw error;
    }
    failPoint("volumes.rename.recorded");
    return record;
  }
}
