/**
 * The engine's one nftables table. Its rules never change: bridges and published ports are elements of sets and maps,
 * so that publishing a port is one element and a restart finds the same text.
 */

import type { NetlinkMessage } from "../../linux/netlink.ts";
import { expr, family, ifnameBytes, register, verdict } from "../../linux/nft-expressions.ts";
import { hook, nftTable, type SetElement, TABLE_OWNER, TABLE_PERSIST } from "../../linux/nft-table.ts";
import { Nftables } from "../../linux/nftables.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { addressBytes, bytesOf, firstOf, lastOf, parseCidr } from "./ip.ts";
import type { BridgeSpec } from "./protocol.ts";

/** One published port: `host` null stands for every local address. */
export interface PortMapping {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly host: string | null;
  readonly hostPort: number;
  readonly address: string;
  readonly port: number;
}

const protocolNumber = { tcp: 6, udp: 17, sctp: 132 } as const;
const { word0, word1, word2, first, second } = register;
const byte = (value: number): Uint8Array => Uint8Array.of(value);

const isIpv4 = [expr.meta("nfproto", word0), expr.compare(word0, "eq", byte(2))];
const inBridge = [expr.meta("iifname", first), expr.lookup("bridges", first)];
const outBridge = [expr.meta("oifname", first), expr.lookup("bridges", first)];
const pair = (set: string) => [expr.meta("iifname", first), expr.meta("oifname", second), expr.lookup(set, first)];
const ctHas = (key: "state" | "status", bits: number) => [
  expr.ct(key, word0),
  expr.and(word0, expr.bits(bits)),
  expr.compare(word0, "ne", expr.bits(0)),
];
const established = ctHas("state", 2 | 4);
const translated = ctHas("status", 0x20);
const loopback = (field: "source" | "destination") => [
  ...isIpv4,
  expr.payload("ip", field === "source" ? 12 : 16, 1, word0),
  expr.compare(word0, "eq", byte(127)),
];
const accept = expr.verdict(verdict.accept);
const drop = expr.verdict(verdict.drop);

/** Translation of what asks for a published address, then of what asks for a published port on any local address. */
const translate = [
  [
    ...isIpv4,
    expr.payload("ip", 16, 4, word0),
    expr.meta("l4proto", word1),
    expr.payload("th", 2, 2, word2),
    expr.lookup("address_ports", first, first),
    expr.dnat(word0, word1),
  ],
  [
    ...isIpv4,
    expr.destinationType(word0),
    expr.compare(word0, "eq", expr.bits(2)),
    expr.meta("l4proto", word0),
    expr.payload("th", 2, 2, word1),
    expr.lookup("ports", first, first),
    expr.dnat(word0, word1),
  ],
];

const rules: [chain: string, expressions: Buffer[]][] = [
  // route_localnet on a bridge would otherwise open the host's loopback services to its containers.
  ["raw-prerouting", [...loopback("destination"), ...inBridge, drop]],
  ["raw-prerouting", [...loopback("source"), ...inBridge, drop]],
  // What is published on a loopback address answers to this host alone, whatever other devices may route.
  [
    "prerouting",
    [
      ...loopback("destination"),
      expr.meta("iifname", first),
      expr.compare(first, "ne", ifnameBytes("lo")),
      expr.verdict(verdict.return),
    ],
  ],
  ...translate.map((rule): [string, Buffer[]] => ["prerouting", rule]),
  ...translate.map((rule): [string, Buffer[]] => ["output", rule]),
  // A container that reaches a published port of its own bridge must get its answer through the host. Bridged packets
  // come here from br_netfilter without an input device, hence the match on the source address.
  [
    "postrouting",
    [
      ...isIpv4,
      expr.payload("ip", 12, 4, word0),
      expr.lookup("networks", first),
      ...outBridge,
      ...translated,
      expr.masquerade(),
    ],
  ],
  // So must this host when it asks at a loopback address.
  ["postrouting", [...loopback("source"), ...outBridge, expr.masquerade()]],
  [
    "postrouting",
    [
      ...isIpv4,
      expr.meta("iifname", first),
      expr.lookup("masquerade", first),
      expr.meta("oifname", first),
      expr.notIn("bridges", first),
      expr.masquerade(),
    ],
  ],
  ["forward", [...established, accept]],
  ["forward", [...pair("open"), accept]],
  ["forward", [...pair("own"), ...translated, accept]],
  ["forward", [...inBridge, ...outBridge, drop]],
  ["forward", [expr.meta("iifname", first), expr.lookup("internal", first), drop]],
  ["forward", [expr.meta("oifname", first), expr.lookup("internal", first), drop]],
  ["forward", [...outBridge, ...translated, accept]],
  ["forward", [...outBridge, drop]],
];

const sets = ["bridges", "masquerade", "internal", "networks", "own", "open", "ports", "address_ports"] as const;

const identity = (set: string, { key, end = false }: SetElement): string =>
  `${set} ${Buffer.from(key).toString("hex")} ${end}`;

/** The table, alive for as long as this object is. */
export class Firewall implements Disposable {
  readonly #nft = new Nftables();
  readonly #table: ReturnType<typeof nftTable>;
  /** Elements of the table of an earlier netd that nobody has claimed yet, by {@link identity}. */
  readonly #inherited = new Map<string, [set: string, SetElement]>();

  /** Makes the table `name`; a table of that name that nobody owns any more is replaced. */
  constructor(name: string) {
    this.#table = nftTable(family.inet, name);
    // A table that outlived its netd goes on working until, in this one transaction, its successor stands in its place
    // with the same elements: at no moment is a bridge open or a published port closed.
    const present = this.#exists(name);
    if (present) this.#inherit(name);
    const steps = present ? [this.#table.delete()] : [];
    try {
      this.#create(steps, TABLE_OWNER | TABLE_PERSIST);
    } catch (error) {
      if (!isErrno(error, "EOPNOTSUPP", "EINVAL")) throw error;
      this.#inherited.clear();
      this.#create(steps, TABLE_OWNER);
    }
  }

  /** Takes out what was inherited and has not been claimed. */
  sweep(): void {
    const rest = [...this.#inherited.values()];
    this.#inherited.clear();
    if (rest.length > 0)
      this.#nft.commit(
        "sweep",
        ...rest.map(([set, { key, end }]) => this.#table.remove(set, end ? { key, end } : { key })),
      );
  }

  addBridge(bridge: BridgeSpec): void {
    this.#nft.commit(
      `rules of ${bridge.name}`,
      ...this.#memberships(bridge).flatMap(([set, ...elements]) => elements.flatMap((one) => this.#add(set, one))),
    );
  }

  removeBridge(bridge: BridgeSpec): void {
    this.#nft.commit(
      `rules of ${bridge.name}`,
      ...this.#memberships(bridge).map(([set, ...elements]) => this.#table.remove(set, ...elements)),
    );
  }

  /** Adds all mappings or none. */
  publish(mappings: readonly PortMapping[]): void {
    if (mappings.length === 0) return;
    this.#nft.commit("publish", ...mappings.flatMap((one) => this.#add(mapOf(one), element(one))));
  }

  /** Takes mappings back; those that are not there are left out. */
  unpublish(mappings: readonly PortMapping[]): void {
    for (const one of mappings) {
      try {
        this.#nft.commit("unpublish", this.#table.remove(mapOf(one), { key: element(one).key }));
      } catch (error) {
        if (!isErrno(error, "ENOENT")) throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    try {
      this.#nft.commit("delete table", this.#table.delete());
    } finally {
      this.#nft[Symbol.dispose]();
    }
  }

  /** Steps that add an element, or claim the one that was inherited. */
  #add(set: string, element: SetElement): NetlinkMessage[] {
    const known = this.#inherited.get(identity(set, element));
    if (!known) return [this.#table.add(set, element)];
    this.#inherited.delete(identity(set, element));
    const [, { data }] = known;
    if (Buffer.compare(data ?? Buffer.alloc(0), element.data ?? Buffer.alloc(0)) === 0) return [];
    return [this.#table.remove(set, { key: element.key }), this.#table.add(set, element)];
  }

  #inherit(name: string): void {
    for (const set of sets) {
      for (const element of this.#nft.elements(family.inet, name, set)) {
        this.#inherited.set(identity(set, element), [set, element]);
      }
    }
  }

  #exists(name: string): boolean {
    return this.#nft.chains(family.inet).some((chain) => chain.table === name);
  }

  #create(before: readonly NetlinkMessage[], flags: number): void {
    const t = this.#table;
    this.#nft.commit(
      "create table",
      ...before,
      t.create(flags),
      t.set("bridges", ["ifname"]),
      t.set("masquerade", ["ifname"]),
      t.set("internal", ["ifname"]),
      t.intervals("networks", "ipv4"),
      t.set("own", ["ifname", "ifname"]),
      t.set("open", ["ifname", "ifname"]),
      t.map("ports", ["protocol", "service"], ["ipv4", "service"]),
      t.map("address_ports", ["ipv4", "protocol", "service"], ["ipv4", "service"]),
      t.chain({ name: "raw-prerouting", type: "filter", hook: hook.prerouting, priority: -300 }),
      t.chain({ name: "prerouting", type: "nat", hook: hook.prerouting, priority: -100 }),
      t.chain({ name: "output", type: "nat", hook: hook.output, priority: -100 }),
      t.chain({ name: "postrouting", type: "nat", hook: hook.postrouting, priority: 100 }),
      t.chain({ name: "forward", type: "filter", hook: hook.forward, priority: 0 }),
      ...rules.map(([chain, expressions]) => t.rule(chain, expressions)),
      ...[...this.#inherited.values()].map(([set, element]) => t.add(set, element)),
    );
  }

  #memberships({ name, ipv4, icc, masquerade, internal }: BridgeSpec): [string, ...SetElement[]][] {
    const key = ifnameBytes(name);
    const both = Buffer.concat([key, key]);
    const sets: [string, ...SetElement[]][] = [
      ["bridges", { key }],
      ["own", { key: both }],
    ];
    const network = ipv4 && parseCidr(ipv4.subnet)?.cidr;
    if (network) {
      const after = { family: network.family, value: lastOf(network).value + 1n };
      sets.push(["networks", { key: addressBytes(firstOf(network)) }, { key: addressBytes(after), end: true }]);
    }
    if (icc) sets.push(["open", { key: both }]);
    if (masquerade && !internal) sets.push(["masquerade", { key }]);
    if (internal) sets.push(["internal", { key }]);
    return sets;
  }
}

const mapOf = (mapping: PortMapping): string => (mapping.host === null ? "ports" : "address_ports");

function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(port);
  return bytes;
}

function element({ protocol, host, hostPort, address, port }: PortMapping): { key: Buffer; data: Buffer } {
  const key = Buffer.concat([
    ...(host === null ? [] : [bytesOf(host)]),
    Buffer.of(protocolNumber[protocol], 0, 0, 0),
    portBytes(hostPort),
  ]);
  return { key, data: Buffer.concat([bytesOf(address), portBytes(port)]) };
}
