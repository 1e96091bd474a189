import { randomBytes } from "node:crypto";
import { conflict, isKind, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import { NamedLocks } from "../lib/operation-lock.ts";
import type { Database, Tx } from "../state/database.ts";
import { Intents } from "../state/intents.ts";
import { RecordStore } from "../state/record-store.ts";
import { BookMoves } from "./book-moves.ts";
import { checkOptions, type LocalDriver } from "./local.ts";
import type { ResolvedMount } from "./mounts.ts";
import { adopted, anonymousLabel, localDriver, now, type VolumeRecord, volumeRecords } from "./record.ts";
import { type RemoteVolumes, reworded } from "./remote.ts";
import { checkVolumeName } from "./volume-name.ts";
import type { VolumeRequest } from "./volumes.ts";

/**
 * Which volumes there are, and who uses them. What makes, records and throws away a volume happens one at a time for
 * each name; a volume is made as a directory first and may be used before a transaction records it.
 */
export class VolumeBook {
  readonly #db: Database;
  readonly #driver: LocalDriver;
  readonly #remote: RemoteVolumes;
  readonly #records: RecordStore<VolumeRecord>;
  readonly #intents: Intents;
  readonly #locks = new NamedLocks();
  /** Volumes filled and renamed. */
  readonly moves: BookMoves;
  /** Volume -> containers whose records name it. */
  readonly #users = new Map<string, Set<string>>();
  /** Volumes whose directories exist and whose record is not written yet. */
  readonly #pending = new Map<string, VolumeRecord>();

  constructor(db: Database, driver: LocalDriver, remote: RemoteVolumes) {
    this.#db = db;
    this.#driver = driver;
    this.#remote = remote;
    this.#records = new RecordStore(db, volumeRecords);
    this.#intents = new Intents(db);
    this.moves = new BookMoves({
      db,
      driver,
      records: this.#records,
      intents: this.#intents,
      locks: this.#locks,
      usersOf: (name) => this.usersOf(name),
      exists: (name) => this.isRecorded(name) || this.#pending.has(name) || this.isUsed(name),
      isRecorded: (name) => this.isRecorded(name),
      get: (name) => this.get(name),
    });
  }

  /** Finishes removals, takes data without a record back, and drops the empty rest of a create that was cut short. */
  async restore(): Promise<void> {
    const going = new Set<string>();
    for (const { id, subject } of this.#intents.pending("volumes.remove")) {
      try {
        if (!this.isRecorded(subject)) this.#driver.remove(subject);
        this.#db.transaction("normal", (tx) => this.#intents.finish(tx, id));
      } catch {
        going.add(subject); // something is mounted there: the next engine tries again
      }
    }
    await this.moves.settle();
    const { records, broken } = this.list();
    const known = new Set([...records.keys(), ...broken.map(({ id }) => id)]);
    for (const name of await this.#driver.names()) {
      if (known.has(name) || going.has(name)) continue;
      if (await this.#driver.isEmpty(name)) this.#driver.remove(name);
      else this.#db.transaction("full", (tx) => this.#records.put(tx, name, adopted(name)));
    }
  }

  list(): ReturnType<RecordStore<VolumeRecord>["list"]> {
    return this.#records.list();
  }

  /** The recorded volume; `notFound` in Docker's words. */
  get(name: string): VolumeRecord {
    const record = this.#records.get(name);
    if (!record) throw notFound(`get ${name}: no such volume`);
    return record;
  }

  /** As {@link get}, also for one that is not recorded yet. */
  find(name: string): VolumeRecord {
    return this.#pending.get(name) ?? this.get(name);
  }

  /**
   * The volume of the request's name, made when there is none. `settle` runs before anybody else can do anything about
   * that name; it records the volume or marks it as used.
   */
  async obtain(
    request: VolumeRequest,
    settle: (record: VolumeRecord, found: "made" | "pending" | "recorded") => void,
  ): Promise<VolumeRecord> {
    const name = request.Name || randomBytes(32).toString("hex");
    checkVolumeName(name);
    return this.#locks.run(name, async () => {
      const pending = this.#pending.get(name);
      const existing = pending ?? this.#records.get(name) ?? (await this.#foundElsewhere(name, request));
      if (existing && request.Driver && request.Driver !== existing.driver) {
        if (request.Driver !== localDriver) await this.#remote.check(request.Driver, name);
        throw conflict(
          `create ${name}: driver '${existing.driver}' already has volume '${name}': volume name must be unique`,
        );
      }
      const record = existing ?? (await this.#make(name, request));
      settle(record, pending ? "pending" : existing ? "recorded" : "made");
      return record;
    });
  }

  /** A volume that some plugin has and nobody here has asked for yet; a request that names a driver means that one. */
  async #foundElsewhere(name: string, request: VolumeRequest): Promise<VolumeRecord | undefined> {
    if (request.Driver || !request.Name) return undefined;
    const record = await this.lookElsewhere(name);
    if (record) this.#db.transaction("full", (tx) => this.#records.put(tx, name, record));
    return record ?? undefined;
  }

  /** The record that a plugin's volume would have. */
  async lookElsewhere(name: string): Promise<VolumeRecord | null> {
    const found = await this.#remote.find(name);
    return found && { name, driver: found.driver, labels: null, options: null, createdAt: now() };
  }

  async #make(name: string, request: VolumeRequest): Promise<VolumeRecord> {
    const options = request.DriverOpts ?? {};
    const driver = request.Driver || localDriver;
    const isLocal = driver === localDriver;
    if (isLocal) checkOptions(name, options);
    const record: VolumeRecord = {
      name,
      driver,
      labels: request.Name ? (request.Labels ?? null) : { ...request.Labels, [anonymousLabel]: "" },
      options: Object.keys(options).length > 0 ? options : null,
      createdAt: now(),
    };
    if (isLocal) await this.#makeLocal(record);
    else await this.#makeRemote(record);
    this.#pending.set(name, record);
    return record;
  }

  async #makeLocal({ name, options }: VolumeRecord): Promise<void> {
    const isNew = await this.#driver.make(name, options);
    try {
      failPoint("volumes.create.made");
    } catch (error) {
      if (isNew) this.#driver.remove(name);
      throw error;
    }
  }

  /** What a plugin already has under the name is taken as it is. */
  async #makeRemote({ name, driver, options }: VolumeRecord): Promise<void> {
    await this.#remote.check(driver, name);
    if (await this.#remote.get(driver, name, { patient: true })) return;
    try {
      await this.#remote.create(driver, name, options);
    } catch (error) {
      throw reworded(error, `create ${name}`);
    }
    failPoint("volumes.create.remote");
  }

  /** Takes the data of a volume away, which nobody knows of any more; a plugin that will not is left to itself. */
  async #drop(record: VolumeRecord | undefined, name: string): Promise<void> {
    if (!record || record.driver === localDriver) return this.#driver.remove(name);
    await this.#remote.remove(record.driver, name).catch(() => {});
  }

  /** Records in `tx` a volume that is not recorded yet. */
  record(tx: Tx, name: string): void {
    const record = this.#pending.get(name);
    if (!record) return;
    this.#records.put(tx, name, record);
    // Only once the transaction is over, and unless it was rolled back: others may record the volume then.
    queueMicrotask(() => {
      if (this.isRecorded(name)) this.#pending.delete(name);
    });
  }

  /** Takes away a volume that was made and that nobody has recorded or uses; false when it stays. */
  withdraw(name: string): Promise<boolean> {
    return this.#locks.run(name, async () => {
      if (this.isUsed(name) || this.isRecorded(name)) return false;
      const record = this.#pending.get(name);
      this.#pending.delete(name);
      await this.#drop(record, name);
      return true;
    });
  }

  /**
   * Throws the volume away with its record; false when there is none, or it is used. With `force` the record of a plugin's
   * volume goes also when that plugin cannot be asked.
   */
  discard(name: string, force = false): Promise<boolean> {
    return this.#locks.run(name, async () => {
      if (this.isUsed(name)) return false;
      const remote = await this.#remoteRecord(name);
      if (remote) return this.#discardRemote(remote, force);
      if (!this.isRecorded(name)) return false;
      // Without the intent, a crash before the data is gone would have it taken back as a volume that lost its record.
      const intent = this.#db.transaction("full", (tx) => {
        this.#records.delete(tx, name);
        return this.#intents.begin(tx, { operation: "volumes.remove", subject: name, effects: ["data"] });
      });
      failPoint("volumes.remove.recorded");
      this.#pending.delete(name);
      this.#driver.remove(name);
      failPoint("volumes.remove.discarded");
      this.#db.transaction("normal", (tx) => this.#intents.finish(tx, intent));
      return true;
    });
  }

  /** The record of a plugin's volume, recorded or not. */
  async #remoteRecord(name: string): Promise<VolumeRecord | null> {
    const record = this.recordOf(name);
    if (record) return record.driver === localDriver ? null : record;
    return this.isRecorded(name) ? null : this.lookElsewhere(name);
  }

  async #discardRemote({ name, driver }: VolumeRecord, force: boolean): Promise<boolean> {
    const exists = await this.#remote.get(driver, name, { patient: false }).catch((error: unknown) => {
      if (!force) throw error;
      return null;
    });
    if (exists) {
      await this.#remote.remove(driver, name).catch((error: unknown) => {
        throw reworded(error, `remove ${name}`);
      });
    }
    failPoint("volumes.remove.remote");
    this.#pending.delete(name);
    this.#db.transaction("full", (tx) => this.#records.delete(tx, name));
    return true;
  }

  /** As {@link discard}, for whom an intent of its own names the volume: nothing that the disk says stands in the way. */
  abandon(name: string): Promise<boolean> {
    return this.#locks.run(name, async () => {
      if (this.isUsed(name)) return false;
      const record = this.recordOf(name);
      this.#pending.delete(name);
      this.#db.settle((tx) => this.#records.delete(tx, name));
      await this.#drop(record, name);
      return true;
    });
  }

  /** The record, if there is one that can be read. */
  recordOf(name: string): VolumeRecord | undefined {
    try {
      return this.#pending.get(name) ?? this.#records.get(name);
    } catch (error) {
      if (isKind(error, "dataLoss")) return undefined;
      throw error;
    }
  }

  /** True also for a record that cannot be read: it can still be removed. */
  isRecorded(name: string): boolean {
    try {
      return this.#records.get(name) !== undefined;
    } catch (error) {
      if (isKind(error, "dataLoss")) return true;
      throw error;
    }
  }

  use(name: string, containerId: string): void {
    const users = this.#users.get(name) ?? new Set();
    this.#users.set(name, users.add(containerId));
  }

  /** Takes a container's uses of its mounts back. */
  leave(containerId: string, mounts: readonly Pick<ResolvedMount, "type" | "name">[]): void {
    for (const { type, name } of mounts) {
      const users = type === "volume" ? this.#users.get(name) : undefined;
      if (users?.delete(containerId) && users.size === 0) this.#users.delete(name);
    }
  }

  usersOf(name: string): string[] {
    return [...(this.#users.get(name) ?? [])];
  }

  isUsed(name: string): boolean {
    return this.#users.has(name);
  }
}
