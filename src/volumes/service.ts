import { randomBytes } from "node:crypto";
import type { Filters } from "../api/filters.ts";
import type { Volume, VolumeListResponse, VolumePruneResponse } from "../api/volumes.ts";
import { conflict, invalidArgument, notFound } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import type { OciMount } from "../runtime/spec/oci.ts";
import type { Database, Tx } from "../state/database.ts";
import { RecordStore } from "../state/record-store.ts";
import { requireSource } from "./bind-source.ts";
import { isTrue, matches } from "./filters.ts";
import { checkOptions, checkVolumeName, LocalDriver } from "./local.ts";
import { Mounter } from "./mounter.ts";
import type { MountConfig, ResolvedMount } from "./mounts.ts";
import { type PlannedMount, planMounts } from "./plan.ts";
import { adopted, anonymousLabel, now, type VolumeRecord, volumeRecords, wireVolume } from "./record.ts";
import type { VolumeClaim, VolumeRequest, Volumes } from "./volumes.ts";

/** What volumes need of the rest of the engine. */
export interface VolumesOptions {
  readonly db: Database;
  /** `<data>/volumes`. */
  readonly root: string;
  /** Takes a directory out of sight at once, however much is in it; absent is fine. */
  readonly discard: (path: string) => void;
  /** `<exec>`: sources are pinned below it. */
  readonly execRoot: string;
  readonly copyUp: (rootfs: string, path: string, target: string, op: Operation) => Promise<void>;
  /** True where mount_setattr(2) can make a whole tree read-only. */
  readonly recursiveReadOnly: boolean;
  readonly emit?: (
    action: "create" | "destroy" | "mount" | "unmount" | "prune",
    name: string,
    attributes: Record<string, string>,
  ) => void;
}

export function createVolumes(options: VolumesOptions): Volumes {
  return new LocalVolumes(options);
}

class LocalVolumes implements Volumes {
  readonly #options: VolumesOptions;
  readonly #records: RecordStore<VolumeRecord>;
  readonly #driver: LocalDriver;
  readonly #mounter: Mounter;
  /** Volume -> containers whose records name it. */
  readonly #users = new Map<string, Set<string>>();
  /** Volumes whose directories exist and whose record is not written yet. */
  readonly #pending = new Map<string, VolumeRecord>();
  /** Volume -> the copy-up that others have to wait for. */
  readonly #populating = new Map<string, Promise<void>>();

  constructor(options: VolumesOptions) {
    this.#options = options;
    this.#records = new RecordStore(options.db, volumeRecords);
    this.#driver = new LocalDriver(options.root, options.discard);
    this.#mounter = new Mounter({
      driver: this.#driver,
      execRoot: options.execRoot,
      recursiveReadOnly: options.recursiveReadOnly,
      recordOf: (name) => this.#get(name),
      emit: (action, name, attributes) => options.emit?.(action, name, attributes),
    });
  }

  async restore(_op: Operation): Promise<void> {
    const { records, broken } = this.#records.list();
    const known = new Set([...records.keys(), ...broken.map(({ id }) => id)]);
    for (const name of await this.#driver.names()) {
      if (known.has(name)) continue;
      if (await this.#driver.isEmpty(name)) await this.#driver.remove(name);
      else this.#options.db.transaction("full", (tx) => this.#records.put(tx, name, adopted(name)));
    }
  }

  async create(request: VolumeRequest, _op: Operation): Promise<Volume> {
    const { record, isNew } = await this.#obtain(request);
    if (isNew) {
      this.#options.db.transaction("full", (tx) => this.#commit(tx, record.name));
      this.#options.emit?.("create", record.name, { driver: record.driver });
    }
    return this.#wired(record);
  }

  async list(filters: Filters, _op: Operation): Promise<VolumeListResponse> {
    const { records, broken } = this.#records.list();
    const Volumes = [...records.values()].filter((record) => this.#fits(record, filters)).map((r) => this.#wired(r));
    const Warnings = broken.map(({ id, reason }) => `volume ${id}: its record is unreadable: ${reason}`);
    return { Volumes, Warnings: Warnings.length > 0 ? Warnings : null };
  }

  async inspect(name: string, _op: Operation): Promise<Volume> {
    return this.#wired(this.#get(name));
  }

  async remove(name: string, options: { force: boolean }, _op: Operation): Promise<void> {
    const users = [...(this.#users.get(name) ?? [])];
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(", ")}]`);
    if (!this.#exists(name)) {
      if (options.force) return;
      throw notFound(`get ${name}: no such volume`);
    }
    await this.#destroy(name);
  }

  async prune(filters: Filters, _op: Operation): Promise<VolumePruneResponse> {
    const all = (filters.get("all") ?? []).map(flagOf).some(Boolean);
    const VolumesDeleted: string[] = [];
    let SpaceReclaimed = 0;
    for (const record of this.#records.list().records.values()) {
      if (!all && record.labels?.[anonymousLabel] === undefined) continue;
      if (this.#inUse(record.name) || !this.#fits(record, filters)) continue;
      SpaceReclaimed += await this.#driver.size(record.name);
      if (this.#inUse(record.name)) continue;
      await this.#destroy(record.name);
      VolumesDeleted.push(record.name);
    }
    this.#options.emit?.("prune", "", { reclaimed: String(SpaceReclaimed) });
    return { VolumesDeleted, SpaceReclaimed };
  }

  async usage(_op: Operation): Promise<Volume[]> {
    const volumes: Volume[] = [];
    for (const record of this.#records.list().records.values()) {
      const Size = record.options ? -1 : await this.#driver.size(record.name);
      volumes.push({
        ...this.#wired(record),
        UsageData: { Size, RefCount: this.#users.get(record.name)?.size ?? 0 },
      });
    }
    return volumes;
  }

  async resolve(containerId: string, config: MountConfig, _op: Operation): Promise<VolumeClaim> {
    const planned = planMounts(config);
    for (const mount of planned) if (mount.type === "bind" && !mount.createSource) await requireSource(mount.source);
    const mounts: ResolvedMount[] = [];
    const made: string[] = [];
    const rollback = async (): Promise<void> => {
      this.#dereference(containerId, mounts);
      for (const name of made.splice(0)) {
        if (this.#inUse(name) || this.#records.get(name)) continue;
        this.#pending.delete(name);
        await this.#driver.remove(name);
      }
    };
    try {
      for (const mount of planned) {
        const { resolved, isNew } = await this.#resolveOne(mount);
        if (isNew) made.push(resolved.name);
        mounts.push(resolved);
        if (resolved.type === "volume") this.#use(resolved.name, containerId);
      }
    } catch (error) {
      await rollback();
      throw error;
    }
    const commit = (tx: Tx): void => {
      for (const { type, name } of mounts) if (type === "volume") this.#commit(tx, name);
    };
    return { mounts, commit, rollback };
  }

  async populate(mounts: readonly ResolvedMount[], rootfs: string, op: Operation): Promise<void> {
    for (const mount of mounts) {
      if (mount.type !== "volume" || !mount.copyUp || mount.subpath !== "") continue;
      await this.#populating.get(mount.name);
      const work = this.#populateOne(mount, rootfs, op);
      this.#populating.set(
        mount.name,
        work.catch(() => {}),
      );
      try {
        await work;
      } finally {
        this.#populating.delete(mount.name);
      }
    }
  }

  mount(containerId: string, mounts: readonly ResolvedMount[], _op: Operation): Promise<OciMount[]> {
    return this.#mounter.mount(containerId, mounts);
  }

  unmount(containerId: string, mounts: readonly ResolvedMount[]): Promise<void> {
    return this.#mounter.unmount(containerId, mounts);
  }

  reference(containerId: string, mounts: readonly ResolvedMount[]): void {
    for (const { type, name } of mounts) if (type === "volume") this.#use(name, containerId);
  }

  async release(
    containerId: string,
    mounts: readonly ResolvedMount[],
    options: { removeAnonymous: boolean },
    _op: Operation,
  ): Promise<void> {
    this.#dereference(containerId, mounts);
    if (!options.removeAnonymous) return;
    for (const { type, name, anonymous } of mounts) {
      if (type === "volume" && anonymous && !this.#inUse(name) && this.#exists(name)) await this.#destroy(name);
    }
  }

  async #resolveOne(mount: PlannedMount): Promise<{ resolved: ResolvedMount; isNew: boolean }> {
    const { volumeDriver, volumeOptions, volumeLabels, inherited, ...rest } = mount;
    if (inherited) {
      return { resolved: { ...inherited, readOnly: mount.readOnly, copyUp: false }, isNew: false };
    }
    if (mount.type !== "volume") return { resolved: { ...rest, name: "", driver: "" }, isNew: false };
    const { record, isNew } = await this.#obtain({
      Name: mount.source,
      Driver: volumeDriver,
      DriverOpts: { ...volumeOptions },
      Labels: { ...volumeLabels },
    });
    const { name, driver } = record;
    return { resolved: { ...rest, source: this.#driver.path(name), name, driver }, isNew };
  }

  /** The volume of that name with its directory made, recorded or not yet. */
  async #obtain(request: VolumeRequest): Promise<{ record: VolumeRecord; isNew: boolean }> {
    const anonymous = !request.Name;
    const name = request.Name || randomBytes(32).toString("hex");
    const driver = request.Driver || "local";
    checkVolumeName(name);
    const existing = this.#pending.get(name) ?? this.#records.get(name);
    if (existing) {
      if (existing.driver !== driver) {
        throw conflict(
          `create ${name}: found existing volume '${name}' with different driver: conflict: volume name must be unique`,
        );
      }
      return { record: existing, isNew: this.#pending.has(name) };
    }
    if (driver !== "local") {
      throw notFound(`create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`);
    }
    const options = request.DriverOpts ?? {};
    checkOptions(name, options);
    const record: VolumeRecord = {
      name,
      driver,
      labels: anonymous ? { ...request.Labels, [anonymousLabel]: "" } : (request.Labels ?? null),
      options: Object.keys(options).length > 0 ? options : null,
      createdAt: now(),
    };
    this.#pending.set(name, record);
    try {
      await this.#driver.make(name);
    } catch (error) {
      this.#pending.delete(name);
      throw error;
    }
    return { record, isNew: true };
  }

  #commit(tx: Tx, name: string): void {
    const record = this.#pending.get(name);
    if (!record) return;
    this.#records.put(tx, name, record);
    this.#pending.delete(name);
  }

  async #populateOne(mount: ResolvedMount, rootfs: string, op: Operation): Promise<void> {
    const { options } = this.#pending.get(mount.name) ?? this.#get(mount.name);
    const user = `populate-${mount.name}`;
    if (options) await this.#mounter.mountDriver(user, mount.name, options);
    try {
      if (await this.#driver.isEmpty(mount.name)) {
        await this.#options.copyUp(rootfs, mount.destination, this.#driver.path(mount.name), op);
      }
    } finally {
      if (options) await this.unmount(user, [mount]);
    }
  }

  async #destroy(name: string): Promise<void> {
    this.#options.db.transaction("full", (tx) => this.#records.delete(tx, name));
    this.#pending.delete(name);
    await this.#driver.remove(name);
    this.#options.emit?.("destroy", name, { driver: "local" });
  }

  /** True also for a record that cannot be read: it can still be removed. */
  #exists(name: string): boolean {
    const { records, broken } = this.#records.list();
    return records.has(name) || broken.some(({ id }) => id === name);
  }

  #get(name: string): VolumeRecord {
    const record = this.#records.get(name);
    if (!record) throw notFound(`get ${name}: no such volume`);
    return record;
  }

  #use(name: string, containerId: string): void {
    const users = this.#users.get(name) ?? new Set();
    this.#users.set(name, users.add(containerId));
  }

  #dereference(containerId: string, mounts: readonly ResolvedMount[]): void {
    for (const { type, name } of mounts) {
      const users = type === "volume" ? this.#users.get(name) : undefined;
      if (users?.delete(containerId) && users.size === 0) this.#users.delete(name);
    }
  }

  #inUse = (name: string): boolean => (this.#users.get(name)?.size ?? 0) > 0;

  #fits(record: VolumeRecord, filters: Filters): boolean {
    return matches({ ...record, inUse: this.#inUse(record.name) }, filters);
  }

  #wired = (record: VolumeRecord): Volume => wireVolume(record, this.#driver.path(record.name));
}

/** A boolean filter's value, refused in Docker's words when it is none. */
function flagOf(value: string): boolean {
  if (isTrue(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw invalidArgument(`invalid filter 'all': strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
}
