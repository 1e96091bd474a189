import { readdir } from "node:fs/promises";
import type { Filters } from "../api/filters.ts";
import type { Volume, VolumeListResponse, VolumePruneResponse } from "../api/volumes.ts";
import { conflict, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { NamedLocks } from "../lib/operation-lock.ts";
import type { Plugins } from "../plugins/plugins.ts";
import type { OciMount } from "../runtime/spec/oci.ts";
import type { Database, Tx } from "../state/database.ts";
import { requireSource } from "./bind-source.ts";
import { VolumeBook } from "./book.ts";
import { flagOf, matches } from "./filters.ts";
import { isMounted, LocalDriver } from "./local.ts";
import { Mounter, type UserOf } from "./mounter.ts";
import type { MountConfig, ResolvedMount } from "./mounts.ts";
import { imageOf, planMounts } from "./plan.ts";
import type { PlannedMount } from "./planned-mount.ts";
import { anonymousLabel, localDriver, type VolumeRecord, wireVolume } from "./record.ts";
import { type RemoteVolume, RemoteVolumes, withRemote } from "./remote.ts";
import { type TransferOptions, Transfers } from "./transfers.ts";
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
  readonly plugins: Plugins;
  readonly log: (message: string) => void;
  readonly copyUp: (rootfs: string, path: string, target: string, op: Operation) => Promise<void>;
  /** Shows what an image holds, read-only, at an existing directory. */
  readonly pack: TransferOptions["pack"];
  readonly unpack: TransferOptions["unpack"];
  readonly viewImage: (imageId: string, target: string) => Promise<void>;
  /** True where mount_setattr(2) can make a whole tree read-only. */
  readonly recursiveReadOnly: boolean;
  readonly emit?: (
    action: "create" | "destroy" | "rename" | "mount" | "unmount" | "prune",
    name: string,
    attributes: Record<string, string>,
  ) => void;
}

export function createVolumes(options: VolumesOptions): Volumes {
  return new LocalVolumes(options);
}

class LocalVolumes implements Volumes {
  readonly #options: VolumesOptions;
  readonly #book: VolumeBook;
  readonly #driver: LocalDriver;
  readonly #mounter: Mounter;
  readonly #remote: RemoteVolumes;
  readonly transfers: Transfers;
  /** One copy-up of a volume at a time. */
  readonly #filling = new NamedLocks();

  constructor(options: VolumesOptions) {
    this.#options = options;
    this.#driver = new LocalDriver(options.root, options.discard);
    this.#remote = new RemoteVolumes(options.plugins, options.log);
    this.#book = new VolumeBook(options.db, this.#driver, this.#remote);
    this.#mounter = new Mounter({
      driver: this.#driver,
      remote: this.#remote,
      log: options.log,
      execRoot: options.execRoot,
      recursiveReadOnly: options.recursiveReadOnly,
      viewImage: options.viewImage,
      recordOf: (name) => this.#book.get(name),
      emit: (action, name, attributes) => options.emit?.(action, name, attributes),
    });
    const { pack, unpack } = options;
    this.transfers = new Transfers({
      book: this.#book,
      mounter: this.#mounter,
      pack,
      unpack,
      wired: (record) => this.#wired(record),
      emit: (action, name, attributes) => options.emit?.(action, name, attributes),
    });
  }

  restore(_op: Operation): Promise<void> {
    return this.#book.restore();
  }

  async create(request: VolumeRequest, _op: Operation): Promise<Volume> {
    const record = await this.#book.obtain(request, ({ name, driver }, found) => {
      if (found === "recorded") return;
      this.#options.db.transaction("full", (tx) => this.#book.record(tx, name));
      failPoint("volumes.create.recorded");
      if (found === "made") this.#options.emit?.("create", name, { driver });
    });
    return this.#wired(record, await this.#askRemote(record));
  }

  async list(filters: Filters, _op: Operation): Promise<VolumeListResponse> {
    const { records, broken } = this.#book.list();
    const { volumes: remote, warnings } = await this.#remote.list();
    const all = withRemote(records, remote);
    const Volumes = [...all.values()]
      .filter(({ record }) => this.#fits(record, filters))
      .map((found) => this.#wired(found.record, found.remote));
    const Warnings = [
      ...broken.map(({ id, reason }) => `volume ${id}: its record is unreadable: ${reason}`),
      ...warnings,
    ];
    return { Volumes, Warnings: Warnings.length > 0 ? Warnings : null };
  }

  async inspect(name: string, _op: Operation): Promise<Volume> {
    const record = this.#book.isRecorded(name) ? this.#book.get(name) : await this.#book.lookElsewhere(name);
    if (!record) throw notFound(`get ${name}: no such volume`);
    return this.#wired(record, await this.#askRemote(record));
  }

  /** What the plugin of the volume says of it now; nothing of a local one. */
  async #askRemote({ name, driver }: VolumeRecord): Promise<RemoteVolume | undefined> {
    if (driver === localDriver) return undefined;
    const volume = await this.#remote.get(driver, name, { patient: false });
    if (!volume) throw notFound(`get ${name}: no such volume`);
    return volume;
  }

  drivers(): Promise<string[]> {
    return this.#remote.drivers();
  }

  async remove(name: string, options: { force: boolean }, _op: Operation): Promise<void> {
    if (await this.#destroy(name, options.force)) return;
    const users = this.#book.usersOf(name);
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(", ")}]`);
    if (!options.force) throw notFound(`get ${name}: no such volume`);
  }

  async prune(filters: Filters, _op: Operation): Promise<VolumePruneResponse> {
    const all = (filters.get("all") ?? []).map(flagOf).some(Boolean);
    const VolumesDeleted: string[] = [];
    let SpaceReclaimed = 0;
    for (const record of this.#book.list().records.values()) {
      if (!all && record.labels?.[anonymousLabel] === undefined) continue;
      // dockerd leaves alone whatever has options (measured), be it a limit or what is mounted from elsewhere.
      if (record.options || this.#book.isUsed(record.name) || !this.#fits(record, filters)) continue;
      const size = record.driver === localDriver ? await this.#driver.size(record.name) : 0;
      if (!(await this.#destroy(record.name))) continue;
      SpaceReclaimed += size;
      VolumesDeleted.push(record.name);
    }
    this.#options.emit?.("prune", "", { reclaimed: String(SpaceReclaimed) });
    return { VolumesDeleted, SpaceReclaimed };
  }

  async usage(_op: Operation): Promise<Volume[]> {
    const volumes: Volume[] = [];
    for (const record of this.#book.list().records.values()) {
      if (record.driver !== localDriver) continue;
      const Size = isMounted(record.options) ? -1 : await this.#driver.size(record.name);
      volumes.push({ ...this.#wired(record), UsageData: { Size, RefCount: this.#book.usersOf(record.name).length } });
    }
    return volumes;
  }

  async resolve(containerId: string, config: MountConfig, _op: Operation): Promise<VolumeClaim> {
    const planned = planMounts(config);
    for (const mount of planned) if (mount.type === "bind" && !mount.createSource) await requireSource(mount.source);
    const mounts: ResolvedMount[] = [];
    const made: string[] = [];
    const rollback = async (): Promise<void> => {
      this.#book.leave(containerId, mounts);
      for (const name of made.splice(0)) {
        if (await this.#book.withdraw(name))
          this.#options.emit?.("destroy", name, {
            driver: mounts.find((mount) => mount.name === name)?.driver ?? localDriver,
          });
      }
    };
    try {
      for (const mount of planned) {
        mounts.push(mount.type === "image" ? imageOf(mount, config) : await this.#resolveOne(mount, containerId, made));
      }
    } catch (error) {
      await rollback();
      throw error;
    }
    const commit = (tx: Tx): void => {
      for (const { type, name } of mounts) if (type === "volume") this.#book.record(tx, name);
    };
    return { mounts, commit, rollback };
  }

  async #resolveOne(mount: PlannedMount, containerId: string, made: string[]): Promise<ResolvedMount> {
    const { volumeDriver, volumeOptions, volumeLabels, inherited, ...rest } = mount;
    if (inherited) {
      if (inherited.type === "volume") this.#book.use(inherited.name, containerId);
      return { ...inherited, readOnly: mount.readOnly, copyUp: false };
    }
    if (mount.type !== "volume") return { ...rest, name: "", driver: "" };
    const request = {
      Name: mount.source,
      Driver: volumeDriver,
      DriverOpts: { ...volumeOptions },
      Labels: { ...volumeLabels },
    };
    const { name, driver } = await this.#book.obtain(request, (record, found) => {
      this.#book.use(record.name, containerId);
      if (found !== "recorded") made.push(record.name);
      if (found === "made") this.#options.emit?.("create", record.name, { driver: record.driver });
    });
    return { ...rest, source: driver === localDriver ? this.#driver.path(name) : "", name, driver };
  }

  async populate(mounts: readonly ResolvedMount[], rootfs: string, op: Operation): Promise<void> {
    for (const mount of mounts) {
      if (mount.type !== "volume" || !mount.copyUp || mount.subpath !== "") continue;
      await this.#filling.run(mount.name, () => this.#populateOne(mount, rootfs, op));
    }
  }

  async #populateOne({ name, destination }: ResolvedMount, rootfs: string, op: Operation): Promise<void> {
    const record = this.#book.find(name);
    const user = `populate-${name}`;
    const place = await this.#mounter.mountDriver(user, record);
    try {
      if (record.driver !== localDriver) {
        if ((await readdir(place)).length === 0) await this.#options.copyUp(rootfs, destination, place, op);
        return;
      }
      if (!this.#driver.isHalfFilled(name) && !(await this.#driver.isEmpty(name))) return;
      this.#driver.markHalfFilled(name, true);
      failPoint("volumes.populate.marked");
      await this.#options.copyUp(rootfs, destination, this.#driver.path(name), op);
      failPoint("volumes.populate.copied");
      this.#driver.markHalfFilled(name, false);
    } finally {
      await this.#mounter.unmountDriver(user, name);
    }
  }

  mount(containerId: string, mounts: readonly ResolvedMount[], user: UserOf, _op: Operation): Promise<OciMount[]> {
    return this.#mounter.mount(containerId, mounts, user);
  }

  unmount(containerId: string, mounts: readonly ResolvedMount[]): Promise<void> {
    return this.#mounter.unmount(containerId, mounts);
  }

  reference(containerId: string, mounts: readonly ResolvedMount[], mounted: boolean): void {
    for (const { type, name } of mounts) {
      if (type !== "volume") continue;
      this.#book.use(name, containerId);
      // Of a volume whose record is unreadable nothing is ours to unmount.
      const record = mounted ? this.#book.recordOf(name) : undefined;
      if (record) this.#mounter.tookOver(containerId, record);
    }
  }

  async release(
    containerId: string,
    mounts: readonly ResolvedMount[],
    options: { removeAnonymous: boolean },
    _op: Operation,
  ): Promise<void> {
    this.#book.leave(containerId, mounts);
    if (!options.removeAnonymous) return;
    for (const { type, name, anonymous } of mounts) if (type === "volume" && anonymous) await this.#destroy(name);
  }

  async abandon(containerId: string, mounts: readonly ResolvedMount[]): Promise<void> {
    this.#book.leave(containerId, mounts);
    for (const { type, name, anonymous } of mounts) {
      if (type !== "volume" || !anonymous || !(await this.#book.abandon(name))) continue;
      this.#options.emit?.("destroy", name, { driver: "local" });
    }
  }

  /** False for a volume that is used, or not there. */
  async #destroy(name: string, force = false): Promise<boolean> {
    const driver = this.#book.recordOf(name)?.driver ?? localDriver;
    const destroyed = await this.#book.discard(name, force);
    if (destroyed) this.#options.emit?.("destroy", name, { driver });
    return destroyed;
  }

  #fits(record: VolumeRecord, filters: Filters): boolean {
    return matches({ ...record, inUse: this.#book.isUsed(record.name) }, filters);
  }

  #wired(record: VolumeRecord, remote?: RemoteVolume): Volume {
    if (record.driver === localDriver) return wireVolume(record, this.#driver.path(record.name));
    const facts = { createdAt: null, status: null, ...remote, scope: this.#remote.scopeOf(record.driver) };
    return wireVolume(record, remote?.mountpoint ?? "", facts);
  }
}
