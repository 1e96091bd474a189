/** The host's devices on which containers have devices of their own (macvlan, ipvlan), and those made to be such. */
import type { Rtnetlink } from "../../linux/rtnetlink.ts";
import { rtnetlink } from "../../linux/rtnetlink-messages.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import type { ParentSpec } from "./protocol.ts";

export interface Parent {
  readonly spec: ParentSpec;
  /** Index of the device now. */
  readonly index: number;
}

export class Parents {
  readonly #mark: string;
  readonly #route: Rtnetlink;
  readonly #specs = new Map<string, ParentSpec>();

  constructor(route: Rtnetlink, instance: string) {
    // Left on devices that we make, so that a later netd knows which ones it may remove.
    this.#mark = `dhow ${instance} parent`;
    this.#route = route;
  }

  names(): string[] {
    return [...this.#specs.keys()];
  }

  /** A known segment with its device, which is made again when somebody has removed it. */
  get(name: string): Parent {
    const spec = this.#specs.get(name);
    if (!spec) throw new Error(`segment ${name} is not known to netd`);
    return { spec, index: this.#device(spec) };
  }

  isInternal(name: string): boolean {
    return this.#specs.get(name)?.internal ?? false;
  }

  /** Throws when the kernel has no devices of that kind, or the parent is not there and cannot be made. */
  ensure(spec: ParentSpec): void {
    const { kind } = spec.upper;
    if (!this.#route.supports(kind)) throw new Error(`failed to create the ${kind} port: this kernel has no ${kind}`);
    this.#device(spec);
    this.#specs.set(spec.name, spec);
  }

  /** Takes the parent away too when it was made for this segment and no other has it. */
  remove(name: string): void {
    const spec = this.#specs.get(name);
    if (!spec) return;
    this.#specs.delete(name);
    if (!this.#isUsed(spec.parent)) this.#giveBack(spec.parent);
  }

  /** Removes devices that an earlier netd of this engine made and that no network has any more. */
  sweep(): void {
    for (const { name } of this.#route.links()) if (!this.#isUsed(name)) this.#giveBack(name);
  }

  #isUsed(device: string): boolean {
    return [...this.#specs.values()].some(({ parent }) => parent === device);
  }

  #giveBack(device: string): void {
    const link = this.#route.link(device);
    if (link?.alias === this.#mark) this.#route.apply(`delete ${device}`, rtnetlink.linkDelete(link.index));
  }

  #device({ name, parent, upper: { kind } }: ParentSpec): number {
    if (parent === "lo") throw new Error(`loopback interface is not a valid ${kind} parent link`);
    const present = this.#route.link(parent);
    if (present) return present.index;
    if (parent === name) this.#makeDummy(parent, kind);
    else this.#makeVlan(parent);
    const made = this.#route.link(parent);
    if (!made) throw new Error(`device ${parent} vanished while it was made`);
    try {
      this.#route.apply(
        `bring up ${parent}`,
        rtnetlink.linkAlias(made.index, this.#mark),
        rtnetlink.linkUp(made.index),
      );
    } catch (error) {
      this.#route.apply(`delete ${parent}`, rtnetlink.linkDelete(made.index));
      throw error;
    }
    return made.index;
  }

  #makeDummy(name: string, kind: string): void {
    try {
      this.#route.apply(`create ${name}`, rtnetlink.dummy(name));
    } catch (error) {
      if (!isErrno(error, "EOPNOTSUPP")) throw error;
      throw new Error(`a ${kind} network without a parent needs a dummy device, which this kernel has not`);
    }
  }

  #makeVlan(device: string): void {
    const { parent, id } = parseVlan(device);
    const under = this.#route.link(parent);
    if (!under) throw new Error(`-o parent interface was not found on the host: ${parent}`);
    try {
      this.#route.apply(`create ${device}`, rtnetlink.vlan(device, under.index, id));
    } catch (error) {
      if (!isErrno(error, "EOPNOTSUPP")) throw error;
      throw new Error(`failed to create ${device} vlan link: operation not supported: this kernel has no 802.1q`);
    }
  }
}

/** `eth0` and 50 of `eth0.50`; throws in Docker's words. */
export function parseVlan(device: string): { readonly parent: string; readonly id: number } {
  if (!device.includes(".")) throw new Error(`invalid subinterface vlan name ${device}, example formatting is eth0.10`);
  const [parent = "", tag = "", ...more] = device.split(".");
  if (more.length > 0 || parent === "") {
    throw new Error(
      `required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received ${device}`,
    );
  }
  if (!/^[+-]?\d+$/.test(tag))
    throw new Error(`unable to parse a valid vlan id from: ${tag} (ex. eth0.10 for vlan 10)`);
  const id = Number(tag);
  if (id < 1 || id > 4094) throw new Error(`vlan id must be between 1-4094, received: ${id}`);
  return { parent, id };
}
