/** Subnets from pools and addresses from subnets, of either family. */
import { createHash } from "node:crypto";
import { forbidden, invalidArgument, systemError } from "../lib/errors.ts";
import {
  addressText,
  type Cidr,
  cidrOf,
  cidrText,
  contains,
  type Family,
  firstOf,
  lastOf,
  overlap,
  parseAddress,
  parseCidr,
  sizeOf,
  widthOf,
} from "./netd/ip.ts";
import { type NetworkRecord, type Subnet, subnetsOf } from "./record.ts";

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

/** A network that nobody else is likely to have (RFC 4193 section 3.2.2), the same for an engine each time. */
export function uniqueLocalPool(engineId: string): Pool {
  const globalId = createHash("sha256").update(engineId).digest().readBigUInt64BE(0) & 0xff_ffff_ffffn;
  const base = { family: "ipv6", base: (0xfdn << 120n) | (globalId << 80n), prefix: 48 } as const;
  return { base: cidrText(base), size: 64 };
}

const familyOfPool = ({ base }: Pool): Family => (base.includes(":") ? "ipv6" : "ipv4");

/** The pools of both families: those configured, and for a family that has none the default ones. */
export function poolsOf(configured: readonly Pool[], engineId: string): Pool[] {
  const has = (family: Family): boolean => configured.some((pool) => familyOfPool(pool) === family);
  return [...configured, ...(has("ipv4") ? [] : defaultPools), ...(has("ipv6") ? [] : [uniqueLocalPool(engineId)])];
}

/** The first subnet of the family's pools that overlaps nothing in `used`; throws when there is none. */
export function pickSubnet(family: Family, pools: readonly Pool[], used: readonly Cidr[]): Cidr {
  for (const pool of pools.filter((one) => familyOfPool(one) === family)) {
    const whole = parseCidr(pool.base)?.cidr;
    if (!whole || pool.size < whole.prefix || pool.size > widthOf(family) - 2) {
      throw invalidArgument(`invalid address pool: base "${pool.base}", size ${pool.size}`);
    }
    const end = whole.base + sizeOf(whole);
    for (let base = whole.base; base < end; ) {
      const candidate = { family, base, prefix: pool.size };
      const hindrance = used.find((other) => overlap(candidate, other));
      if (!hindrance) return candidate;
      // The next one that is clear of it: pools may hold more subnets than anybody can count through.
      base = cidrOf(lastOf(hindrance), pool.size).base + sizeOf(candidate);
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

const words = { ipv4: "IPv4", ipv6: "IPv6" } as const;

/** The addresses of a subnet that are nobody's. IPv6 has no broadcast; its first is every router's (RFC 4291 section 2.6.1). */
export function edgesOf(subnet: Cidr): bigint[] {
  if (widthOf(subnet.family) - subnet.prefix < 2) return [];
  const first = firstOf(subnet).value;
  return subnet.family === "ipv4" ? [first, lastOf(subnet).value] : [first];
}

interface SubnetShape {
  readonly subnet: Cidr;
  readonly range: Cidr;
  /** Addresses that are nobody's. */
  readonly reserved: ReadonlySet<bigint>;
}

function shapeOf({ subnet: text, range: rangeText, gateway, reserved }: Subnet): SubnetShape[] {
  const [subnet, range] = [parseCidr(text)?.cidr, parseCidr(rangeText)?.cidr];
  if (!subnet || !range) return [];
  const kept = [gateway, ...reserved].flatMap((one) => (one === null ? [] : (parseAddress(one)?.value ?? [])));
  return [{ subnet, range, reserved: new Set([...kept, ...edgesOf(subnet)]) }];
}

/** Addresses given out, per network. Kept in memory; the records are its source at start. */
export class Addresses {
  readonly #used = new Map<string, Record<Family, Set<bigint>>>();

  /** Takes the lowest free address of the network's first subnet that has one, or `wanted`. Synchronous, so that no two callers get one. */
  take(networkId: string, network: NetworkRecord, family: Family, wanted?: string): string {
    const subnets = subnetsOf(network, family).flatMap(shapeOf);
    if (subnets.length === 0) throw systemError(`network ${network.name} has no ${words[family]} addresses to give`);
    const used = this.#of(networkId)[family];
    if (wanted) {
      const address = parseAddress(wanted);
      if (address?.family !== family) throw invalidArgument(`invalid ${words[family]} address: ${wanted}`);
      const around = subnets.find(({ subnet }) => contains(subnet, address));
      if (!around) {
        throw invalidArgument(`invalid address ${wanted}: It does not belong to any of this network's subnets`);
      }
      if (used.has(address.value) || around.reserved.has(address.value)) throw forbidden("Address already in use");
      used.add(address.value);
      return addressText(address);
    }
    for (const { range, reserved } of subnets) {
      const last = lastOf(range).value;
      for (let value = range.base; value <= last; value++) {
        if (used.has(value) || reserved.has(value)) continue;
        used.add(value);
        return addressText({ family, value });
      }
    }
    throw systemError(
      `no available ${words[family]} addresses on this network's address pools: ${network.name} (${networkId})`,
    );
  }

  /** Marks an address as taken: one that a record holds. */
  hold(networkId: string, address: string): void {
    const parsed = parseAddress(address);
    if (parsed) this.#of(networkId)[parsed.family].add(parsed.value);
  }

  give(networkId: string, address: string): void {
    const parsed = parseAddress(address);
    if (parsed) this.#used.get(networkId)?.[parsed.family].delete(parsed.value);
  }

  forget(networkId: string): void {
    this.#used.delete(networkId);
  }

  #of(networkId: string): Record<Family, Set<bigint>> {
    const used = this.#used.get(networkId) ?? { ipv4: new Set(), ipv6: new Set() };
    this.#used.set(networkId, used);
    return used;
  }
}
