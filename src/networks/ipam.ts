/** Subnets from pools and addresses from subnets. */
import { forbidden, invalidArgument, systemError } from "../lib/errors.ts";
import {
  addressText,
  broadcastOf,
  type Cidr,
  contains,
  overlap,
  parseAddress,
  parseCidr,
  sizeOf,
} from "./netd/ipv4.ts";
import type { NetworkRecord } from "./record.ts";

export interface Pool {
  readonly base: string;
  readonly size: number;
}

/**
 * Where networks come from when no pool is configured: away from Docker's own first choices, so that both live on one host,
 * with the other private ranges as a way out where a route covers all of 10.0.0.0/8.
 */
const defaultPools: readonly Pool[] = [
  { base: "10.192.0.0/11", size: 16 },
  { base: "10.224.0.0/11", size: 20 },
  { base: "172.16.0.0/12", size: 20 },
  { base: "192.168.0.0/16", size: 24 },
];

/** The first subnet of the pools (none: the default ones) that overlaps nothing in `used`; throws when there is none. */
export function pickSubnet(pools: readonly Pool[], used: readonly Cidr[]): Cidr {
  for (const pool of pools.length > 0 ? pools : defaultPools) {
    const whole = parseCidr(pool.base)?.cidr;
    if (!whole || pool.size < whole.prefix || pool.size > 30) {
      throw invalidArgument(`invalid address pool: base "${pool.base}", size ${pool.size}`);
    }
    const step = sizeOf(pool.size);
    for (let base = whole.base; base < whole.base + sizeOf(whole.prefix); base += step) {
      const candidate = { base, prefix: pool.size };
      if (!used.some((other) => overlap(candidate, other))) return candidate;
    }
  }
  throw invalidArgument("all predefined address pools have been fully subnetted");
}

/** Refuses a subnet that overlaps one in `used`. */
export function checkFree(subnet: Cidr, used: readonly Cidr[]): void {
  if (used.some((other) => overlap(subnet, other))) {
    throw forbidden("invalid pool request: Pool overlaps with other one on this address space");
  }
}

/** Addresses given out, per network. Kept in memory; the records are its source at start. */
export class Addresses {
  readonly #used = new Map<string, Set<number>>();

  /** Takes the lowest free address of the network, or `wanted`. Synchronous, so that no two callers get one. */
  take(networkId: string, network: NetworkRecord, wanted?: string): string {
    const { bridge } = network;
    const subnet = bridge ? parseCidr(bridge.subnet)?.cidr : undefined;
    const range = bridge ? parseCidr(bridge.range)?.cidr : undefined;
    if (!bridge || !subnet || !range) throw systemError(`network ${network.name} has no addresses to give`);
    const used = this.#of(networkId);
    const reserved = new Set([bridge.gateway, ...bridge.reserved].map((text) => parseAddress(text) ?? -1));
    if (subnet.prefix < 31) reserved.add(subnet.base).add(broadcastOf(subnet));
    if (wanted) {
      const address = parseAddress(wanted);
      if (address === undefined) throw invalidArgument(`invalid IPv4 address: ${wanted}`);
      if (!contains(subnet, address)) {
        throw invalidArgument(`invalid address ${wanted}: It does not belong to any of this network's subnets`);
      }
      if (used.has(address) || reserved.has(address)) throw forbidden("Address already in use");
      used.add(address);
      return addressText(address);
    }
    for (let address = range.base; address <= broadcastOf(range); address++) {
      if (used.has(address) || reserved.has(address)) continue;
      used.add(address);
      return addressText(address);
    }
    throw systemError(`no available IPv4 addresses on this network's address pools: ${network.name} (${networkId})`);
  }

  /** Marks an address as taken: one that a record holds. */
  hold(networkId: string, address: string): void {
    const value = parseAddress(address);
    if (value !== undefined) this.#of(networkId).add(value);
  }

  give(networkId: string, address: string): void {
    const value = parseAddress(address);
    if (value !== undefined) this.#used.get(networkId)?.delete(value);
  }

  forget(networkId: string): void {
    this.#used.delete(networkId);
  }

  #of(networkId: string): Set<number> {
    let used = this.#used.get(networkId);
    if (!used) {
      used = new Set();
      this.#used.set(networkId, used);
    }
    return used;
  }
}
