/** A network of machines that this host is plugged into: a device here, and one machine behind it. */
import { run, succeed } from "../harness/command.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { freshName } from "../harness/fresh-name.ts";

export class Lan implements AsyncDisposable {
  /** The device of this host: what a macvlan or ipvlan network has for a parent. */
  readonly parent: string;
  /** Path of the namespace that is the machine. */
  readonly netns: string;
  /** Name of that namespace, and its address on the network. */
  readonly machine: string;
  readonly address: string;
  readonly subnet: string;
  readonly prefix: string;

  private constructor(name: string, slot: number) {
    this.parent = name;
    this.machine = name;
    this.netns = `/run/netns/${this.machine}`;
    this.prefix = `10.215.${slot}`;
    this.subnet = `${this.prefix}.0/24`;
    this.address = `${this.prefix}.1`;
  }

  static async of(daemon: TestDaemon): Promise<Lan> {
    // With room for the number of an 802.1q device on it.
    const lan = new Lan(await freshName(`dl${daemon.slot}`), daemon.slot);
    const { parent, machine, address } = lan;
    await succeed(["ip", "netns", "add", machine]);
    await succeed(["ip", "link", "add", parent, "type", "veth", "peer", "name", "eth0", "netns", machine]);
    await succeed(["ip", "link", "set", parent, "up"]);
    for (const device of ["lo", "eth0"]) await succeed(["ip", "-n", machine, "link", "set", device, "up"]);
    await succeed(["ip", "-n", machine, "addr", "add", `${address}/24`, "dev", "eth0"]);
    return lan;
  }

  /** Runs a command on the machine. */
  on(...command: string[]) {
    return run(["ip", "netns", "exec", this.machine, ...command]);
  }

  /** Whether the machine is answered from `address`. */
  async reaches(address: string): Promise<boolean> {
    return (await this.on("busybox", "ping", "-c", "1", "-W", "2", address)).code === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(["ip", "link", "delete", this.parent]);
    await run(["ip", "netns", "delete", this.machine]);
  }
}

/** Whether this kernel makes devices of that kind on `parent`: `vlan`, `dummy`, `macvlan`, `ipvlan`. */
export async function kernelHas(kind: string, parent: string): Promise<boolean> {
  const on = kind === "dummy" ? [] : ["link", parent];
  const more = kind === "vlan" ? ["id", "7"] : [];
  const probe = await freshName(`dhowp${process.pid % 10_000}`);
  const { code } = await run(["ip", "link", "add", ...on, "name", probe, "type", kind, ...more]);
  if (code === 0) await succeed(["ip", "link", "delete", probe]);
  return code === 0;
}
