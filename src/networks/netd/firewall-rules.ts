/** The rules of the engine's table: never changed, the same for every bridge and port, which are elements of its sets. */
import { expr, family, ifnameBytes, register, verdict } from "../../linux/nft-expressions.ts";
import type { KeyPart } from "../../linux/nft-table.ts";
import type { Family } from "./ip.ts";
import type { PerFamily } from "./protocol.ts";

const { word0, word1, word2, word4, word5, first, second } = register;
const byte = (value: number): Uint8Array => Uint8Array.of(value);

/** The kernel's words for one address family. */
interface Header {
  readonly number: number;
  readonly source: number;
  readonly destination: number;
  /** Bytes of an address. */
  readonly length: number;
  /** The first register after one that holds an address, and the one after that. */
  readonly after: readonly [number, number];
  readonly icmp: number;
}

const headers: PerFamily<Header> = {
  ipv4: { number: family.ipv4, source: 12, destination: 16, length: 4, after: [word1, word2], icmp: 1 },
  ipv6: { number: family.ipv6, source: 8, destination: 24, length: 16, after: [word4, word5], icmp: 58 },
};

/** A set or map of the table: what its keys are made of, and what they lead to. */
export interface TableSet {
  readonly key: readonly KeyPart[];
  readonly data?: readonly KeyPart[];
  /** Its elements are ranges. */
  readonly intervals?: boolean;
}

/** Names of the sets that each family has its own of. */
export const setsOf = {
  ipv4: {
    masquerade: "masquerade",
    sources: "sources",
    networks: "networks",
    ports: "ports",
    addressPorts: "address_ports",
    opened: "opened",
    direct: "direct_ports",
    unprotected: "unprotected",
    routed: "routed",
    proxied: "proxied",
    addressProxied: "address_proxied",
  },
  ipv6: {
    masquerade: "masquerade6",
    sources: "sources6",
    networks: "networks6",
    ports: "ports6",
    addressPorts: "address_ports6",
    opened: "opened6",
    direct: "direct_ports6",
    unprotected: "unprotected6",
    routed: "routed6",
    proxied: "proxied6",
    addressProxied: "address_proxied6",
  },
} as const;

/** Every set of a table for those families. */
export function tableSets(carried: readonly Family[]): Map<string, TableSet> {
  const sets = new Map<string, TableSet>([
    ["bridges", { key: ["ifname"] }],
    ["internal", { key: ["ifname"] }],
    ["own", { key: ["ifname", "ifname"] }],
    ["open", { key: ["ifname", "ifname"] }],
    ["direct", { key: ["ifname"] }],
    ["trusted", { key: ["ifname", "ifname"] }],
  ]);
  for (const one of carried) {
    const names = setsOf[one];
    for (const name of [names.masquerade, names.unprotected, names.routed]) sets.set(name, { key: ["ifname"] });
    sets.set(names.sources, { key: ["ifname"], data: [one] });
    sets.set(names.networks, { key: [one], intervals: true });
    sets.set(names.ports, { key: ["protocol", "service"], data: [one, "service"] });
    sets.set(names.addressPorts, { key: [one, "protocol", "service"], data: [one, "service"] });
    for (const name of [names.opened, names.direct]) sets.set(name, { key: [one, "protocol", "service"] });
    sets.set(names.proxied, { key: ["protocol", "service"] });
    sets.set(names.addressProxied, { key: [one, "protocol", "service"] });
  }
  return sets;
}

const checks: PerFamily<readonly Buffer[]> = {
  ipv4: [expr.meta("nfproto", word0), expr.compare(word0, "eq", byte(headers.ipv4.number))],
  ipv6: [expr.meta("nfproto", word0), expr.compare(word0, "eq", byte(headers.ipv6.number))],
};
const is = (one: Family) => checks[one];
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
const isLocal = [expr.destinationType(word0), expr.compare(word0, "eq", expr.bits(2))];
const loopback4 = (field: "source" | "destination") => [
  ...is("ipv4"),
  expr.payload("ip", headers.ipv4[field], 1, word0),
  expr.compare(word0, "eq", byte(127)),
];
const accept = expr.verdict(verdict.accept);
const drop = expr.verdict(verdict.drop);
const leave = expr.verdict(verdict.return);

/** Looks up destination address, protocol and port. */
const destinationIn = (one: Family, set: string, to?: number) => {
  const { destination, length, after } = headers[one];
  return [
    expr.payload("ip", destination, length, word0),
    expr.meta("l4proto", after[0]),
    expr.payload("th", 2, 2, after[1]),
    expr.lookup(set, first, to),
  ];
};

const portIn = (set: string, to?: number) => [
  expr.meta("l4proto", word0),
  expr.payload("th", 2, 2, word1),
  expr.lookup(set, first, to),
];

/** Translation of what asks for a published address, then of what asks for a published port on any local address. */
function translations(one: Family): Buffer[][] {
  const { number, after } = headers[one];
  const { ports, addressPorts } = setsOf[one];
  const translate = expr.dnat(word0, after[0], number);
  return [
    [...is(one), ...destinationIn(one, addressPorts, first), translate],
    [...is(one), ...isLocal, ...portIn(ports, first), translate],
  ];
}

/** What translation must leave alone, in the chain that is meant. */
const excepted: PerFamily<readonly [chain: string, expressions: Buffer[]][]> = {
  // What is published on a loopback address answers to this host alone, whatever other devices may route.
  ipv4: [
    [
      "prerouting",
      [...loopback4("destination"), expr.meta("iifname", first), expr.compare(first, "ne", ifnameBytes("lo")), leave],
    ],
  ],
  // The kernel routes neither ::1 nor link-local addresses on: whoever uses them is served by a proxy.
  ipv6: [
    [
      "prerouting",
      [
        ...is("ipv6"),
        expr.payload("ip", headers.ipv6.source, 2, word0),
        expr.and(word0, Buffer.of(0xff, 0xc0)),
        expr.compare(word0, "eq", Buffer.of(0xfe, 0x80)),
        leave,
      ],
    ],
    [
      "output",
      [
        ...is("ipv6"),
        expr.payload("ip", headers.ipv6.destination, 16, first),
        expr.compare(first, "eq", Buffer.from("00000000000000000000000000000001", "hex")),
        leave,
      ],
    ],
  ],
};

function natRules(one: Family): [chain: string, expressions: Buffer[]][] {
  const { number, source, length } = headers[one];
  const names = setsOf[one];
  return [
    ...excepted[one],
    ...translations(one).flatMap((rule): [string, Buffer[]][] => [
      ["prerouting", rule],
      ["output", rule],
    ]),
    // A container that reaches a published port of its own bridge must get its answer through the host. Bridged packets
    // come here from br_netfilter without an input device, hence the match on the source address.
    [
      "postrouting",
      [
        ...is(one),
        expr.payload("ip", source, length, word0),
        expr.lookup(names.networks, first),
        ...outBridge,
        ...translated,
        expr.masquerade(),
      ],
    ],
    [
      "postrouting",
      [
        ...is(one),
        expr.meta("iifname", first),
        expr.lookup(names.sources, first, second),
        expr.meta("oifname", first),
        expr.notIn("bridges", first),
        expr.snat(second, number),
      ],
    ],
    [
      "postrouting",
      [
        ...is(one),
        expr.meta("iifname", first),
        expr.lookup(names.masquerade, first),
        expr.meta("oifname", first),
        expr.notIn("bridges", first),
        expr.masquerade(),
      ],
    ],
  ];
}

/** What a proxy of ours answers would let a container past the walls between bridges. */
const proxyGuards = (one: Family): [chain: string, expressions: Buffer[]][] => [
  ["input", [...is(one), ...inBridge, ...portIn(setsOf[one].proxied), drop]],
  ["input", [...is(one), ...inBridge, ...destinationIn(one, setsOf[one].addressProxied), drop]],
];

const outOf = (one: Family, set: string) => [...is(one), expr.meta("oifname", first), expr.lookup(set, first)];

/** The rules in their order, with the name of the chain that each belongs to. */
export function tableRules(carried: readonly Family[]): [chain: string, expressions: Buffer[]][] {
  const [only, other] = carried;
  if (only === undefined || other !== undefined) return rulesOf(carried);
  // A table of one family sees no other: nft(8) 1.0.6 even dies of being told so.
  return rulesOf(carried).map(([chain, rule]) => [chain, rule.filter((one) => !checks[only].includes(one))]);
}

function rulesOf(carried: readonly Family[]): [chain: string, expressions: Buffer[]][] {
  const ipv4 = carried.includes("ipv4");
  const each = (rules: (one: Family) => [string, Buffer[]][]) => carried.flatMap(rules);
  return [
    // route_localnet on a bridge would otherwise open the host's loopback services to its containers.
    ...(ipv4
      ? (["destination", "source"] as const).map((field): [string, Buffer[]] => [
          "raw-prerouting",
          [...loopback4(field), ...inBridge, drop],
        ])
      : []),
    ...each(natRules),
    // So must this host when it asks at a loopback address.
    ...(ipv4 ? [["postrouting", [...loopback4("source"), ...outBridge, expr.masquerade()]] as [string, Buffer[]]] : []),
    // What a proxy's client has begun was let in: most packets for this host are looked at once.
    ["input", [...established, accept]],
    ...each(proxyGuards),
    ["forward", [...established, accept]],
    ["forward", [...pair("open"), accept]],
    ["forward", [...pair("own"), ...translated, accept]],
    // Whoever can route to a container there may ask whether it is alive.
    ...each((one) => [
      [
        "forward",
        [
          ...outOf(one, setsOf[one].routed),
          expr.meta("l4proto", word0),
          expr.compare(word0, "eq", byte(headers[one].icmp)),
          accept,
        ],
      ],
    ]),
    ["forward", [...inBridge, ...outBridge, drop]],
    ["forward", [expr.meta("iifname", first), expr.lookup("internal", first), drop]],
    ["forward", [expr.meta("oifname", first), expr.lookup("internal", first), drop]],
    ["forward", [...outBridge, ...translated, accept]],
    ...each((one) => [
      ["forward", [...outOf(one, setsOf[one].unprotected), accept]],
      ["forward", [...is(one), ...outBridge, ...destinationIn(one, setsOf[one].opened), accept]],
      ["forward", [...outOf(one, "direct"), ...destinationIn(one, setsOf[one].direct), accept]],
      ["forward", [...is(one), ...pair("trusted"), ...destinationIn(one, setsOf[one].direct), accept]],
    ]),
    ["forward", [...outBridge, drop]],
  ];
}
