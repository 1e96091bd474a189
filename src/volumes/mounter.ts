import { stat } from "node:fs/promises";
import { join } from "node:path";
import { invalidArgument } from "../lib/errors.ts";
import { NamedLocks } from "../lib/operation-lock.ts";
import type { OciMount } from "../runtime/spec/oci.ts";
import { makeSource } from "./bind-source.ts";
import type { LocalDriver } from "./local.ts";
import { mountAttributes, type ResolvedMount } from "./mounts.ts";
import { newPin, pinSource, pinSubpath, unpin } from "./pins.ts";
import { checkPropagation } from "./propagation.ts";
import type { VolumeRecord } from "./record.ts";

export interface MounterOptions {
  readonly driver: LocalDriver;
  /** `<exec>`: sources are pinned below it. */
  readonly execRoot: string;
  readonly viewImage: (imageId: string, target: string) => Promise<void>;
  /** True where mount_setattr(2) can make a whole tree read-only. */
  readonly recursiveReadOnly: boolean;
  readonly recordOf: (name: string) => VolumeRecord;
  readonly emit: (action: "mount" | "unmount", name: string, attributes: Record<string, string>) => void;
}

/** Turns the mounts of containers into what a runtime binds, and takes back what that needed on the host. */
export class Mounter {
  readonly #options: MounterOptions;
  /** Volume -> containers it is mounted for. */
  readonly #mounted = new Map<string, Set<string>>();
  /** Of those, the ones that the driver has mounted something on. */
  readonly #byDriver = new Set<string>();
  readonly #locks = new NamedLocks();

  constructor(options: MounterOptions) {
    this.#options = options;
  }

  async mount(containerId: string, mounts: readonly ResolvedMount[]): Promise<OciMount[]> {
    const list: OciMount[] = [];
    try {
      for (const mount of mounts) list.push(await this.#mountOne(containerId, mount));
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

  /** Mounts what the volume's driver options ask for, if any, until the last user's {@link unmountDriver}. */
  mountDriver(user: string, name: string, options: Readonly<Record<string, string>> | null): Promise<void> {
    return this.#locks.run(name, async () => {
      if (options) await this.#options.driver.mount(name, options);
      this.tookOver(user, name, options);
    });
  }

  /** Takes the mount of one user back; false for a volume that was not mounted for it, which is fine. */
  async unmountDriver(user: string, name: string): Promise<boolean> {
    if (!this.#mounted.get(name)?.has(user)) return false;
    return this.#locks.run(name, async () => {
      const users = this.#mounted.get(name);
      if (!users?.delete(user)) return false;
      if (users.size > 0) return true;
      this.#mounted.delete(name);
      // What somebody else has mounted there is not ours to take away.
      if (this.#byDriver.delete(name)) this.#options.driver.unmount(name);
      return true;
    });
  }

  /** Says that the volume is mounted for that user: by {@link mountDriver}, or by an engine before this one. */
  tookOver(user: string, name: string, options: Readonly<Record<string, string>> | null): void {
    const users = this.#mounted.get(name) ?? new Set();
    this.#mounted.set(name, users.add(user));
    if (options) this.#byDriver.add(name);
  }

  async #mountOne(containerId: string, mount: ResolvedMount): Promise<OciMount> {
    const { type, destination } = mount;
    if (type === "tmpfs") return { destination, type: "tmpfs", source: "tmpfs", options: mount.tmpfsOptions };
    const source = await this.#source(containerId, mount);
    // A file has no submounts, and crun refuses the recursive option for it.
    const isTree = (await stat(source)).isDirectory();
    const readOnly = mount.readOnly ? this.#readOnlyOptions(mount, isTree) : ["rw"];
    const bind = mount.nonRecursive ? "bind" : "rbind";
    return { destination, type: "bind", source, options: [bind, ...readOnly, mount.propagation || "rprivate"] };
  }

  #source(containerId: string, mount: ResolvedMount): Promise<string> {
    if (mount.type === "image") return this.#imageSource(containerId, mount);
    return mount.type === "bind" ? this.#bindSource(containerId, mount) : this.#volumeSource(containerId, mount);
  }

  async #imageSource(containerId: string, { image = "", subpath }: ResolvedMount): Promise<string> {
    const pins = this.#pins(containerId);
    const tree = await newPin(pins);
    await this.#options.viewImage(image, tree);
    return subpath ? pinSubpath(tree, subpath, pins) : tree;
  }

  async #bindSource(containerId: string, mount: ResolvedMount): Promise<string> {
    if (mount.createSource) await makeSource(mount.source);
    await checkPropagation(mount.source, mount.propagation);
    return pinSource(mount.source, this.#pins(containerId), !mount.nonRecursive);
  }

  async #volumeSource(containerId: string, mount: ResolvedMount): Promise<string> {
    const { driver, recordOf, emit } = this.#options;
    const record = recordOf(mount.name);
    await driver.make(mount.name);
    await this.mountDriver(containerId, mount.name, record.options);
    const data = driver.path(mount.name);
    const source = mount.subpath ? await pinSubpath(data, mount.subpath, this.#pins(containerId)) : data;
    emit("mount", mount.name, mountAttributes(containerId, mount));
    return source;
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
