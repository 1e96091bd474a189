/**
 * The engine's one nftables table. Its rules never change: bridges and published ports are elements of sets and maps,
 * so that publishing a port is one element and a restart finds the same text.
 */
import type { NetlinkMessage } from "../../linux/netlink.ts";
import { family, ifnameBytes } from "../../linux/nft-expressions.ts";
import { hook, nftTable, type SetElement, TABLE_OWNER, TABLE_PERSIST } from "../../linux/nft-table.ts";
import { Nftables } from "../../linux/nftables.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { setsOf, tableRules, tableSets } from "./firewall-rules.ts";
import { addressBytes, bytesOf, type Family, families, familyOf, firstOf, lastOf, parseCidr } from "./ip.ts";
import type { BridgeSpec, PerFamily, Protocol } from "./protocol.ts";
import { identity, type Placed, TableWatch } from "./table-watch.ts";

/** What the table knows of a port of a container, of the family of `address`. */
export type PortRule =
  /** What asks for the host's port is sent to the container's; `host` null stands for every local address. */
  | {
      readonly kind: "translated";
      readonly protocol: Protocol;
      readonly host: string | null;
      readonly hostPort: number;
      readonly address: string;
      readonly port: number;
    }
  /** What is routed to the container's port may pass. */
  | { readonly kind: "opened"; readonly protocol: Protocol; readonly address: string; readonly port: number }
  /** The same, of what the port's bridge lets in so. */
  | { readonly kind: "direct"; readonly protocol: Protocol; readonly address: string; readonly port: number }
  /** A proxy listens at the host's port, which is not for containers; `host` null stands for every local address. */
  | {
      readonly kind: "proxied";
      readonly protocol: Protocol;
      readonly family: Family;
      readonly host: string | null;
      readonly hostPort: number;
    };

const protocolNumber = { tcp: 6, udp: 17, sctp: 132 } as const;

const baseChains = [
  { name: "raw-prerouting", type: "filter", hook: hook.prerouting, priority: -300 },
  { name: "prerouting", type: "nat", hook: hook.prerouting, priority: -100 },
  { name: "output", type: "nat", hook: hook.output, priority: -100 },
  { name: "postrouting", type: "nat", hook: hook.postrouting, priority: 100 },
  { name: "input", type: "filter", hook: hook.input, priority: 0 },
  { name: "forward", type: "filter", hook: hook.forward, priority: 0 },
] as const;

/** The table, alive for as long as this object is. */
export class Firewall implements Disposable {
  readonly #nft = new Nftables();
  readonly #table: ReturnType<typeof nftTable>;
  readonly #number: number;
  /** Elements of the table of an earlier netd that nobody has claimed yet, by {@link identity}. */
  readonly #inherited = new Map<string, Placed>();

  /** How many rules stand on one element, by {@link identity}: a container's port may be published several times. */
  readonly #shared = new Map<string, number>();
  readonly #families: readonly Family[];

  /** Null where nobody else can touch the table. */
  #watch: TableWatch | null = null;

  /**
   * Makes the table `name` for some families; a table of that name that nobody owns any more is replaced. Kernels before
   * 5.12 have no tables with an owner, and `owned` false asks for none: {@link repair} is then to be called now and again.
   */
  constructor(name: string, carried: PerFamily<boolean>, owned = true) {
    this.#families = families.filter((one) => carried[one]);
    const [only, other] = this.#families;
    if (only === undefined) throw new Error("a table is for one family at least");
    this.#number = other === undefined ? family[only] : family.inet;
    this.#table = nftTable(this.#number, name);
    for (const number of Object.values(family)) {
      if (number !== this.#number && this.#exists(name, number))
        this.#nft.commit("old table", nftTable(number, name).delete());
    }
    // A table that outlived its netd goes on working until, in this one transaction, its successor stands in its place
    // with the same elements: at no moment is a bridge open or a published port closed.
    const present = this.#exists(name, this.#number);
    if (present) this.#inherit(name);
    const steps = present ? [this.#table.delete()] : [];
    for (const flags of owned ? [TABLE_OWNER | TABLE_PERSIST, TABLE_OWNER] : []) {
      try {
        this.#create(steps, flags, [...this.#inherited.values()]);
        return;
      } catch (error) {
        if (!isErrno(error, "EOPNOTSUPP", "EINVAL")) throw error;
      }
      // A table that goes with its owner leaves nothing to its successor.
      if (flags & TABLE_PERSIST) this.#inherited.clear();
    }
    const rules = new Map<string, number>(baseChains.map((chain) => [chain.name, 0]));
    for (const [chain] of tableRules(this.#families)) rules.set(chain, (rules.get(chain) ?? 0) + 1);
    this.#watch = new TableWatch(this.#nft, this.#number, name, rules);
    this.#watch.add(...this.#inherited.values());
    this.#create(steps, 0, [...this.#inherited.values()]);
  }

  /** Makes the table again where somebody else has emptied it or taken it away; true when that was so. */
  repair(): boolean {
    const elements = this.#watch?.lost();
    if (!elements) return false;
    const before = this.#exists(this.#table.name, this.#number) ? [this.#table.delete()] : [];
    this.#create(before, 0, elements);
    process.stderr.write("netd: somebody took rules of the engine's away: they are back\n");
    return true;
  }

  /** Takes out what was inherited and has not been claimed. */
  sweep(): void {
    const rest = [...this.#inherited.values()];
    this.#inherited.clear();
    this.#watch?.remove(...rest);
    if (rest.length > 0) this.#nft.commit("sweep", ...rest.map((place) => this.#remove(place)));
  }

  addBridge(bridge: BridgeSpec): void {
    const places = this.#placesOf(bridge);
    this.repair();
    this.#nft.commit(`rules of ${bridge.name}`, ...places.flatMap((place) => this.#add(...place)));
    this.#watch?.add(...places);
  }

  removeBridge(bridge: BridgeSpec): void {
    const places = this.#placesOf(bridge);
    this.repair();
    this.#nft.commit(`rules of ${bridge.name}`, ...places.map((place) => this.#remove(place)));
    this.#watch?.remove(...places);
  }

  /** True when the table has rules for that family. */
  carries(one: Family): boolean {
    return this.#families.includes(one);
  }

  /** Adds all rules or none. */
  publish(rules: readonly PortRule[]): void {
    if (rules.length === 0) return;
    this.repair();
    const places = rules.map(elementOf);
    const fresh = new Map(places.map((place) => [identity(place), place]));
    for (const name of fresh.keys()) if (this.#shared.has(name)) fresh.delete(name);
    this.#nft.commit("publish", ...[...fresh.values()].flatMap((place) => this.#add(...place)));
    this.#watch?.add(...fresh.values());
    for (const place of places) {
      const name = identity(place);
      this.#shared.set(name, (this.#shared.get(name) ?? 0) + 1);
    }
  }

  /** Takes rules back; those that are not there are left out. */
  unpublish(rules: readonly PortRule[]): void {
    const places = rules.map(elementOf).filter((place) => {
      const name = identity(place);
      const others = (this.#shared.get(name) ?? 1) - 1;
      if (others > 0) this.#shared.set(name, others);
      else this.#shared.delete(name);
      return others <= 0;
    });
    if (places.length === 0) return;
    this.#watch?.remove(...places);
    try {
      this.#nft.commit("unpublish", ...places.map((place) => this.#remove(place)));
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
      for (const place of places) this.#removeIfThere(place);
    }
  }

  #removeIfThere(place: Placed): void {
    try {
      this.#nft.commit("unpublish", this.#remove(place));
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  [Symbol.dispose](): void {
    try {
      this.#nft.commit("delete table", this.#table.delete());
    } finally {
      this.#nft[Symbol.dispose]();
    }
  }

  #remove([set, { key, end }]: Placed): NetlinkMessage {
    return this.#table.remove(set, end ? { key, end } : { key });
  }

  /** Steps that add an element, or claim the one that was inherited. */
  #add(set: string, element: SetElement): NetlinkMessage[] {
    const known = this.#inherited.get(identity([set, element]));
    if (!known) return [this.#table.add(set, element)];
    this.#inherited.delete(identity([set, element]));
    const [, { data }] = known;
    if (Buffer.compare(data ?? Buffer.alloc(0), element.data ?? Buffer.alloc(0)) === 0) return [];
    return [this.#table.remove(set, { key: element.key }), this.#table.add(set, element)];
  }

  #inherit(name: string): void {
    for (const set of tableSets(this.#families).keys()) {
      for (const element of this.#nft.elements(this.#number, name, set)) {
        this.#inherited.set(identity([set, element]), [set, element]);
      }
    }
  }

  #exists(name: string, number: number): boolean {
    return this.#nft.chains(number).some((chain) => chain.table === name);
  }

  #create(before: readonly NetlinkMessage[], flags: number, elements: readonly Placed[]): void {
    const t = this.#table;
    this.#nft.commit(
      "create table",
      ...before,
      t.create(flags),
      ...[...tableSets(this.#families)].map(([set, { key, data, intervals }]) =>
        data ? t.map(set, key, data) : intervals ? t.intervals(set, key[0] ?? "ipv4") : t.set(set, key),
      ),
      ...baseChains.map((chain) => t.chain(chain)),
      ...tableRules(this.#families).map(([chain, expressions]) => t.rule(chain, expressions)),
      ...elements.map(([set, element]) => t.add(set, element)),
    );
  }

  #placesOf(bridge: BridgeSpec): Placed[] {
    return this.#memberships(bridge).flatMap(([set, ...elements]) => elements.map((one): Placed => [set, one]));
  }

  #memberships(bridge: BridgeSpec): [string, ...SetElement[]][] {
    const { name, icc, masquerade, internal, trusted, direct } = bridge;
    const key = ifnameBytes(name);
    const both = Buffer.concat([key, key]);
    const sets: [string, ...SetElement[]][] = [
      ["bridges", { key }],
      ["own", { key: both }],
    ];
    if (icc) sets.push(["open", { key: both }]);
    if (internal) sets.push(["internal", { key }]);
    if (direct) sets.push(["direct", { key }]);
    if (trusted.length > 0) {
      sets.push(["trusted", ...trusted.map((device) => ({ key: Buffer.concat([ifnameBytes(device), key]) }))]);
    }
    for (const one of this.#families) {
      const { [one]: carried } = bridge;
      const network = carried && parseCidr(carried.subnet)?.cidr;
      if (!carried || !network) continue;
      const names = setsOf[one];
      const after = { family: network.family, value: lastOf(network).value + 1n };
      sets.push([names.networks, { key: addressBytes(firstOf(network)) }, { key: addressBytes(after), end: true }]);
      if (internal) continue;
      if (carried.mode === "routed") sets.push([names.routed, { key }]);
      else if (masquerade && carried.source) sets.push([names.sources, { key, data: bytesOf(carried.source) }]);
      else if (masquerade) sets.push([names.masquerade, { key }]);
      if (carried.mode === "nat-unprotected") sets.push([names.unprotected, { key }]);
    }
    return sets;
  }
}

function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(port);
  return bytes;
}

/** Where a rule stands in the table. */
function elementOf(rule: PortRule): Placed {
  const protocol = Buffer.of(protocolNumber[rule.protocol], 0, 0, 0);
  const keyOf = (host: string | null, port: number): Buffer =>
    Buffer.concat([...(host === null ? [] : [bytesOf(host)]), protocol, portBytes(port)]);
  if (rule.kind === "opened" || rule.kind === "direct") {
    return [setsOf[familyOf(rule.address)][rule.kind], { key: keyOf(rule.address, rule.port) }];
  }
  const { host, hostPort } = rule;
  const key = keyOf(host, hostPort);
  if (rule.kind === "proxied") {
    const { proxied, addressProxied } = setsOf[rule.family];
    return [host === null ? proxied : addressProxied, { key }];
  }
  const { ports, addressPorts } = setsOf[familyOf(rule.address)];
  const data = Buffer.concat([bytesOf(rule.address), portBytes(rule.port)]);
  return [host === null ? ports : addressPorts, { key, data }];
}
