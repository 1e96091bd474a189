/** The bridges of one engine. */
import { randomBytes } from "node:crypto";
import { readNetSysctl, writeNetSysctl } from "../../linux/net-sysctl.ts";
import type { Rtnetlink } from "../../linux/rtnetlink.ts";
import { macText, rtnetlink } from "../../linux/rtnetlink-messages.ts";
import type { Firewall } from "./firewall.ts";
import { letIpv6Through } from "./forwarding.ts";
import { addressBytes, addressFromBytes, addressText, families, lastOf, parseCidr } from "./ip.ts";
import type { BridgeSpec } from "./protocol.ts";

export interface Bridge {
  readonly spec: BridgeSpec;
  readonly index: number;
  /** False for a device that was there before us: it stays when the network goes. */
  readonly made: boolean;
  /** True for a device that is older than this netd's hold on it: what was on it before is not known. */
  readonly found: boolean;
}

/** A random unicast MAC address of the locally administered kind. */
export function randomMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 0x02;
  return macText(bytes);
}

/**
 * True when the ports of a bridge with `icc` off must be kept apart by the bridge itself. Where br_netfilter shows
 * bridged packets to the table, its rules do that and let published ports through, which isolation would not: there
 * translation already happens on the way from port to port.
 */
export function isolatesPorts(spec: BridgeSpec): boolean {
  return !spec.icc && families.some((family) => spec[family] && readNetSysctl(bridgedToTable[family]) !== "1");
}

const bridgedToTable = { ipv4: "bridge/bridge-nf-call-iptables", ipv6: "bridge/bridge-nf-call-ip6tables" } as const;

export class Bridges {
  readonly #mark: string;
  readonly #route: Rtnetlink;
  readonly #firewall: Firewall | null;
  readonly #forwards: boolean;
  readonly #bridges = new Map<string, Bridge>();
  /** By index of the bridge. */
  readonly #isolated = new Map<number, boolean>();

  /** False for `forwards` leaves the host's switches for forwarding as they are. */
  constructor(route: Rtnetlink, firewall: Firewall | null, instance: string, forwards: boolean) {
    this.#forwards = forwards;
    // Left on devices that we make, so that a later netd knows which ones it may remove.
    this.#mark = `dhow ${instance}`;
    this.#route = route;
    this.#firewall = firewall;
  }

  get(name: string): Bridge {
    const bridge = this.#bridges.get(name);
    if (!bridge) throw new Error(`bridge ${name} is not known to netd`);
    return bridge;
  }

  specs(): BridgeSpec[] {
    return [...this.#bridges.values()].map(({ spec }) => spec);
  }

  names(): string[] {
    return [...this.#bridges.keys()];
  }

  /** Makes the bridge as `spec` says, or brings one of that name into that shape. */
  ensure(spec: BridgeSpec): Bridge {
    const known = this.#bridges.get(spec.name);
    if (
      known &&
      JSON.stringify(known.spec) === JSON.stringify(spec) &&
      this.#route.link(spec.name)?.index === known.index
    ) {
      return known;
    }
    if (known) this.#forget(known);
    let link = this.#route.link(spec.name);
    const found = link !== undefined && (link.index !== known?.index || known.found);
    if (link && link.kind !== "bridge") throw new Error(`device ${spec.name} exists and is not a bridge`);
    if (!link) {
      this.#route.apply(`create bridge ${spec.name}`, rtnetlink.bridge(spec.name, spec.mtu, randomMac()));
      link = this.#route.link(spec.name);
      if (link) {
        this.#route.apply("mark bridge", rtnetlink.linkAlias(link.index, this.#mark));
        link = { ...link, alias: this.#mark };
      }
    }
    if (!link) throw new Error(`bridge ${spec.name} vanished while it was made`);
    const { index } = link;
    // No router advertisement is believed, and on a bridge of ours without IPv6 there is not even a link-local address.
    writeNetSysctl(`ipv6/conf/${spec.name}/accept_ra`, "0");
    if (spec.ipv6?.address || link.alias === this.#mark) {
      writeNetSysctl(`ipv6/conf/${spec.name}/disable_ipv6`, spec.ipv6?.address ? "0" : "1");
    }
    writeNetSysctl(`ipv4/conf/${spec.name}/route_localnet`, "1");
    if ((spec.ipv6?.address || spec.ipv6?.foreign) && this.#forwards) letIpv6Through(this.#route);
    this.#setAddresses(spec, index);
    this.#route.apply(`bring up ${spec.name}`, rtnetlink.linkUp(index));
    this.#firewall?.addBridge(spec);
    this.#alignPorts(index, isolatesPorts(spec));
    const bridge = { spec, index, found, made: this.#route.link(spec.name)?.alias === this.#mark };
    this.#bridges.set(spec.name, bridge);
    return bridge;
  }

  /** Takes the bridge's rules away, and its device when it was ours. */
  remove(name: string): void {
    const bridge = this.#bridges.get(name);
    if (!bridge) return;
    this.#forget(bridge);
    const link = this.#route.link(name);
    if (bridge.made && link?.index === bridge.index) {
      this.#route.apply(`delete bridge ${name}`, rtnetlink.linkDelete(bridge.index));
    }
  }

  /** Keeps ports apart as they must be now: br_netfilter may be loaded or switched at any time. */
  realign(): void {
    for (const { spec, index } of this.#bridges.values()) {
      if (!spec.icc && this.#isolated.get(index) !== isolatesPorts(spec)) this.#alignPorts(index, isolatesPorts(spec));
    }
  }

  #alignPorts(bridge: number, isolated: boolean): void {
    for (const { master, index, name } of this.#route.links()) {
      if (master === bridge) this.#route.apply(`port ${name}`, rtnetlink.bridgePort(index, isolated));
    }
    this.#isolated.set(bridge, isolated);
  }

  /** Deletes devices that an earlier netd of this engine made and that no network has any more. */
  sweep(): void {
    for (const link of this.#route.links()) {
      if (link.kind !== "bridge" || link.alias !== this.#mark || this.#bridges.has(link.name)) continue;
      this.#route.apply(`delete bridge ${link.name}`, rtnetlink.linkDelete(link.index));
    }
  }

  #forget(bridge: Bridge): void {
    this.#bridges.delete(bridge.spec.name);
    this.#isolated.delete(bridge.index);
    this.#firewall?.removeBridge(bridge.spec);
  }

  /** Gives the bridge the addresses of `spec` and no others, link-local ones left alone. */
  #setAddresses(spec: BridgeSpec, index: number): void {
    const wanted = new Map(
      families.flatMap((family) => {
        const parsed = parseCidr(spec[family]?.address ?? "");
        return parsed ? [[`${addressText(parsed.address)}/${parsed.cidr.prefix}`, parsed] as const] : [];
      }),
    );
    for (const { index: device, address, prefix, linkLocal } of this.#route.addresses()) {
      const { family } = addressFromBytes(address);
      if (
        device !== index ||
        linkLocal ||
        spec[family]?.foreign ||
        wanted.delete(`${addressText(addressFromBytes(address))}/${prefix}`)
      )
        continue;
      this.#route.apply("delete address", rtnetlink.addressDelete(index, address, prefix));
    }
    for (const [text, { address, cidr }] of wanted) {
      const broadcast = address.family === "ipv4" ? addressBytes(lastOf(cidr)) : undefined;
      this.#route.apply(
        `add ${text} to ${spec.name}`,
        rtnetlink.addressAdd(index, addressBytes(address), cidr.prefix, broadcast),
      );
    }
  }
}
