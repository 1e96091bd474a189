import { stat } from "node:fs/promises";
import { join } from "node:path";
import { invalidArgument, messageOf, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import { NamedLocks } from "../lib/operation-lock.ts";
import type { OciMount } from "../runtime/spec/oci.ts";
import { makeSource } from "./bind-source.ts";
import { mappingOf, type Owner, ownerMap } from "./idmap.ts";
import { isMounted, type LocalDriver } from "./local.ts";
import { mountAttributes, type ResolvedMount } from "./mounts.ts";
import { type MapFor, newPin, pinSource, pinSubpath, unpin } from "./pins.ts";
import { checkPropagation } from "./propagation.ts";
import { localDriver, type VolumeRecord } from "./record.ts";
import type { RemoteVolumes } from "./remote.ts";

export interface MounterOptions {
  readonly driver: LocalDriver;
  readonly remote: RemoteVolumes;
  readonly log: (message: string) => void;
  /** `<exec>`: sources are pinned below it. */
  readonly execRoot: string;
  readonly viewImage: (imageId: string, target: string) => Promise<void>;
  /** True where mount_setattr(2) can make a whole tree read-only. */
  readonly recursiveReadOnly: boolean;
  readonly recordOf: (name: string) => VolumeRecord;
  readonly emit: (action: "mount" | "unmount", name: string, attributes: Record<string, string>) => void;
}

/** The user that a container's process starts as. */
export type UserOf = () => Promise<Owner>;

const mapForOf = ({ idmap }: ResolvedMount, user: UserOf): MapFor | undefined =>
  idmap === "" ? undefined : async (owner) => mappingOf(idmap, owner, idmap === ownerMap ? await user() : owner);

/** How long a container's end waits for a plugin to unmount; what comes later is done without it. */
const patienceMs = 5_000;

/** Turns the mounts of containers into what a runtime binds, and takes back what that needed on the host. */
export class Mounter {
  readonly #options: MounterOptions;
  /** Volume -> containers it is mounted for, each with the place that a plugin gave it. */
  readonly #mounted = new Map<string, { readonly record: VolumeRecord; readonly places: Map<string, string> }>();
  readonly #locks = new NamedLocks();

  constructor(options: MounterOptions) {
    this.#options = options;
  }

  /** `user` is asked for only where a mount's owners are to show up as the container's user. */
  async mount(containerId: string, mounts: readonly ResolvedMount[], user: UserOf): Promise<OciMount[]> {
    const list: OciMount[] = [];
    try {
      for (const mount of mounts) list.push(await this.#mountOne(containerId, mount, user));
      return list;
    } catch (error) {
      await this.unmount(containerId, mounts);
      throw error;
    }
  }

  async unmount(containerId: string, mounts: readonly ResolvedMount[]): Promise<void> {
    await unpin(this.#pins(containerId));
    for (const { type, name, driver } of mounts) {
      if (type !== "volume" || !(await this.unmountDriver(containerId, name))) continue;
      this.#options.emit("unmount", name, { container: containerId, driver });
    }
  }

  /**
   * Mounts what the volume's driver options ask for, if any, until the last user's {@link unmountDriver}; a plugin hears of
   * each user. Gives the place of the data.
   */
  mountDriver(user: string, record: VolumeRecord): Promise<string> {
    const { driver, remote } = this.#options;
    const { name, options } = record;
    return this.#locks.run(name, async () => {
      if (record.driver === localDriver) {
        await driver.mount(name, options);
        this.tookOver(user, record);
        return driver.path(name);
      }
      const known = this.#mounted.get(name)?.places.get(user);
      if (known) return known;
      try {
        const place = await remote.mount(record.driver, name, user);
        failPoint("volumes.mount.remote");
        this.tookOver(user, record, place);
        return place;
      } catch (error) {
        throw systemError(`error while mounting volume '': ${messageOf(error)}`, { cause: error });
      }
    });
  }

  /** Takes the mount of one user back; false for a volume that was not mounted for it, which is fine. */
  async unmountDriver(user: string, name: string): Promise<boolean> {
    if (!this.#mounted.get(name)?.places.has(user)) return false;
    const given = this.#locks.run(name, () => this.#giveBack(user, name));
    return Promise.race([given, Bun.sleep(patienceMs).then(() => true)]);
  }

  async #giveBack(user: string, name: string): Promise<boolean> {
    const mounted = this.#mounted.get(name);
    if (!mounted?.places.delete(user)) return false;
    const { record, places } = mounted;
    if (places.size === 0) this.#mounted.delete(name);
    if (record.driver !== localDriver) await this.#tellUnmounted(user, record);
    // What somebody else has mounted there is not ours to take away.
    else if (places.size === 0 && isMounted(record.options)) this.#options.driver.unmount(name);
    return true;
  }

  async #tellUnmounted(user: string, { name, driver }: VolumeRecord): Promise<void> {
    try {
      await this.#options.remote.unmount(driver, name, user);
    } catch (error) {
      this.#options.log(`volume ${name}: its plugin ${driver} did not unmount it: ${messageOf(error)}`);
    }
  }

  /** Says that the volume is mounted for that user: by {@link mountDriver}, or by an engine before this one. */
  tookOver(user: string, record: VolumeRecord, place = ""): void {
    const mounted = this.#mounted.get(record.name) ?? { record, places: new Map<string, string>() };
    mounted.places.set(user, place);
    this.#mounted.set(record.name, mounted);
  }

  async #mountOne(containerId: string, mount: ResolvedMount, user: UserOf): Promise<OciMount> {
    const { type, destination } = mount;
    if (type === "tmpfs") return { destination, type: "tmpfs", source: "tmpfs", options: mount.tmpfsOptions };
    const source = await this.#source(containerId, mount, mapForOf(mount, user));
    // A file has no submounts, and crun refuses the recursive option for it.
    const isTree = (await stat(source)).isDirectory();
    const readOnly = mount.readOnly ? this.#readOnlyOptions(mount, isTree) : ["rw"];
    const bind = mount.nonRecursive ? "bind" : "rbind";
    return { destination, type: "bind", source, options: [bind, ...readOnly, mount.propagation || "rprivate"] };
  }

  #source(containerId: string, mount: ResolvedMount, mapFor: MapFor | undefined): Promise<string> {
    if (mount.type === "image") return this.#imageSource(containerId, mount);
    if (mount.type === "bind") return this.#bindSource(containerId, mount, mapFor);
    return this.#volumeSource(containerId, mount, mapFor);
  }

  async #imageSource(containerId: string, { image = "", subpath }: ResolvedMount): Promise<string> {
    const pins = this.#pins(containerId);
    const tree = await newPin(pins);
    await this.#options.viewImage(image, tree);
    return subpath ? pinSubpath(tree, subpath, pins) : tree;
  }

  async #bindSource(containerId: string, mount: ResolvedMount, mapFor: MapFor | undefined): Promise<string> {
    if (mount.createSource) await makeSource(mount.source);
    await checkPropagation(mount.source, mount.propagation);
    return pinSource(mount.source, this.#pins(containerId), !mount.nonRecursive, mapFor);
  }

  async #volumeSource(containerId: string, mount: ResolvedMount, mapFor: MapFor | undefined): Promise<string> {
    const { driver, recordOf, emit } = this.#options;
    const record = recordOf(mount.name);
    if (record.driver === localDriver) await driver.make(mount.name, record.options);
    const data = await this.mountDriver(containerId, record);
    const held = record.driver !== localDriver || mapFor !== undefined;
    const source = await this.#pinned(containerId, mount, { data, held, mapFor });
    emit("mount", mount.name, mountAttributes(containerId, mount));
    return source;
  }

  /** What is `held` (a plugin's place, which it may exchange; owners shown as others) is mounted as a bind's source is. */
  async #pinned(
    containerId: string,
    { subpath }: ResolvedMount,
    { data, held, mapFor }: { data: string; held: boolean; mapFor: MapFor | undefined },
  ): Promise<string> {
    const pins = this.#pins(containerId);
    if (subpath) return pinSubpath(data, subpath, pins, mapFor);
    return held ? pinSource(data, pins, true, mapFor) : data;
  }

  #readOnlyOptions(mount: ResolvedMount, isTree: boolean): string[] {
    const { recursiveReadOnly } = this.#options;
    if (mount.readOnlyForceRecursive && !recursiveReadOnly) {
      throw invalidArgument(`the kernel cannot make "${mount.destination}" recursively read-only`);
    }
    return isTree && recursiveReadOnly && !mount.nonRecursive && !mount.readOnlyNonRecursive ? ["ro", "rro"] : ["ro"];
  }

  #pins = (containerId: string): string => join(this.#options.execRoot, "pins", containerId);
}
