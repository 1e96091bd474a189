/** nf_tables through netlink: transactions of tables, chains, rules, sets and elements (linux/netfilter/nf_tables.h). */
import {
  attribute,
  attributeBe32,
  attributeString,
  attributeText,
  eachAttribute,
  NETLINK_NETFILTER,
  type NetlinkMessage,
  NetlinkSocket,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  nested,
  readAttributes,
} from "./netlink.ts";

const SUBSYSTEM = 10;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const NEWTABLE = 0;
const DELTABLE = 2;
const NEWCHAIN = 3;
const GETCHAIN = 4;
const NEWRULE = 6;
const GETRULE = 7;
const DELRULE = 8;
const NEWSET = 9;
const NEWSETELEM = 12;
const DELSETELEM = 14;

export const family = { inet: 1, ipv4: 2 } as const;
export const hook = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
export const verdict = { drop: 0, accept: 1, return: -5 } as const;

/** The table is dropped when the socket that made it closes, and nobody else may touch it. */
export const TABLE_OWNER = 0x2;

/** With TABLE_OWNER: the table stays, without an owner, when the socket closes (Linux 6.9). */
export const TABLE_PERSIST = 0x4;
const SET_INTERVAL = 0x4;
const SET_MAP = 0x8;
const ELEMENT_INTERVAL_END = 0x1;

/** Numbers that nft(8) gives to types, so that it can print our sets. */
const datatype = { ipv4: 7, protocol: 12, service: 13, ifname: 41 } as const;
export type KeyPart = keyof typeof datatype;
const concatType = (parts: readonly KeyPart[]): number => parts.reduce((type, part) => (type << 6) | datatype[part], 0);
const partLength = (part: KeyPart): number => (part === "ifname" ? 16 : 4);
const keyLength = (parts: readonly KeyPart[]): number => parts.reduce((sum, part) => sum + partLength(part), 0);

/** A device name as set keys and comparisons want it: sixteen bytes, padded with NUL. */
export function ifnameBytes(name: string): Buffer {
  const out = Buffer.alloc(16);
  out.write(name, "utf8");
  return out;
}

function generic(familyNumber: number, resource = 0): Buffer {
  const header = Buffer.alloc(4);
  header[0] = familyNumber;
  header.writeUInt16BE(resource, 2);
  return header;
}

const LIST_ELEMENT = 1;
const expression = (name: string, ...data: Buffer[]): Buffer =>
  nested(LIST_ELEMENT, attributeString(1, name), nested(2, ...data));
const dataValue = (type: number, value: Uint8Array): Buffer => nested(type, attribute(1, value));
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};

const metaKey = { mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;
const ctKey = { state: 0, status: 2 } as const;

/** Registers of sixteen bytes are 1-4; those of four bytes are 8-23 and overlap them from the start. */
export const register = { first: 1, second: 2, word0: 8, word1: 9, word2: 10, word3: 11 } as const;

/** Expressions of a rule, in the kernel's vocabulary. */
export const expr = {
  meta: (key: keyof typeof metaKey, to: number): Buffer =>
    expression("meta", attributeBe32(1, to), attributeBe32(2, metaKey[key])),
  ct: (key: keyof typeof ctKey, to: number): Buffer =>
    expression("ct", attributeBe32(1, to), attributeBe32(2, ctKey[key])),
  compare: (from: number, operator: "eq" | "ne", value: Uint8Array): Buffer =>
    expression("cmp", attributeBe32(1, from), attributeBe32(2, operator === "eq" ? 0 : 1), dataValue(3, value)),
  /** Bytes of the network (`ip`) or transport (`th`) header. */
  payload: (base: "ip" | "th", offset: number, length: number, to: number): Buffer =>
    expression(
      "payload",
      attributeBe32(1, to),
      attributeBe32(2, base === "ip" ? 1 : 2),
      attributeBe32(3, offset),
      attributeBe32(4, length),
    ),
  and: (at: number, mask: Uint8Array): Buffer =>
    expression(
      "bitwise",
      attributeBe32(1, at),
      attributeBe32(2, at),
      attributeBe32(3, mask.length),
      dataValue(4, mask),
      dataValue(5, new Uint8Array(mask.length)),
    ),
  lookup: (set: string, from: number, to?: number): Buffer =>
    expression(
      "lookup",
      attributeString(1, set),
      attributeBe32(2, from),
      ...(to === undefined ? [] : [attributeBe32(3, to)]),
    ),
  notIn: (set: string, from: number): Buffer =>
    expression("lookup", attributeString(1, set), attributeBe32(2, from), attributeBe32(5, 1)),
  /** The type of the destination address (RTN_LOCAL is 2). */
  destinationType: (to: number): Buffer =>
    expression("fib", attributeBe32(1, to), attributeBe32(2, 3), attributeBe32(3, 2)),
  dnat: (address: number, port: number): Buffer =>
    expression(
      "nat",
      attributeBe32(1, 1),
      attributeBe32(2, family.ipv4),
      attributeBe32(3, address),
      attributeBe32(5, port),
    ),
  masquerade: (): Buffer => expression("masq"),
  counter: (): Buffer => expression("counter"),
  verdict: (code: number): Buffer =>
    expression("immediate", attributeBe32(1, 0), nested(2, nested(2, attributeBe32(1, code)))),
  /** Registers hold bit sets such as ct state in host byte order. */
  bits: u32,
};

/** A chain hooked into the kernel's path of a packet. */
export interface BaseChain {
  readonly name: string;
  readonly type: "filter" | "nat";
  readonly hook: number;
  readonly priority: number;
}

const message = (type: number, flags: number, familyNumber: number, ...parts: Buffer[]): NetlinkMessage => ({
  type: (SUBSYSTEM << 8) | type,
  flags: flags | NLM_F_ACK,
  payload: Buffer.concat([generic(familyNumber), ...parts]),
});

let setId = 1;

/** User data by which nft(8) knows that the keys of a set are in host byte order; without it device names print empty. */
const hostByteOrder = Buffer.of(0, 4, 1, 0, 0, 0);

/** Steps of a transaction on one table. */
export function nftTable(familyNumber: number, table: string) {
  const elements = (type: number, flags: number, set: string, entries: readonly SetElement[]): NetlinkMessage =>
    message(
      type,
      flags,
      familyNumber,
      attributeString(1, table),
      attributeString(2, set),
      nested(
        3,
        ...entries.map(({ key, data, end }) =>
          nested(
            LIST_ELEMENT,
            dataValue(1, key),
            ...(data === undefined ? [] : [dataValue(2, data)]),
            ...(end ? [attributeBe32(3, ELEMENT_INTERVAL_END)] : []),
          ),
        ),
      ),
    );
  const set = (name: string, key: readonly KeyPart[], data?: readonly KeyPart[], flags = 0): NetlinkMessage =>
    message(
      NEWSET,
      NLM_F_CREATE | NLM_F_EXCL,
      familyNumber,
      attributeString(1, table),
      attributeString(2, name),
      attributeBe32(3, flags | (data ? SET_MAP : 0)),
      attributeBe32(4, concatType(key)),
      attributeBe32(5, keyLength(key)),
      ...(data ? [attributeBe32(6, concatType(data)), attributeBe32(7, keyLength(data))] : []),
      attributeBe32(10, setId++),
      ...(key[0] === "ifname" && key.length === 1 ? [attribute(13, hostByteOrder)] : []),
    );
  return {
    create: (flags: number): NetlinkMessage =>
      message(NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, familyNumber, attributeString(1, table), attributeBe32(2, flags)),
    delete: (): NetlinkMessage => message(DELTABLE, 0, familyNumber, attributeString(1, table)),
    chain: (chain: BaseChain): NetlinkMessage =>
      message(
        NEWCHAIN,
        NLM_F_CREATE,
        familyNumber,
        attributeString(1, table),
        attributeString(3, chain.name),
        nested(4, attributeBe32(1, chain.hook), attributeBe32(2, chain.priority)),
        attributeBe32(5, verdict.accept),
        attributeString(7, chain.type),
      ),
    rule: (chain: string, expressions: readonly Buffer[], options: RuleOptions = {}): NetlinkMessage =>
      message(
        NEWRULE,
        NLM_F_CREATE | (options.first ? 0 : NLM_F_APPEND),
        familyNumber,
        attributeString(1, table),
        attributeString(2, chain),
        nested(4, ...expressions),
        ...(options.comment === undefined ? [] : [attribute(7, commentData(options.comment))]),
      ),
    deleteRule: (chain: string, handle: bigint): NetlinkMessage => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(handle);
      return message(
        DELRULE,
        0,
        familyNumber,
        attributeString(1, table),
        attributeString(2, chain),
        attribute(3, bytes),
      );
    },
    set: (name: string, key: readonly KeyPart[]): NetlinkMessage => set(name, key),
    /** A set of ranges: elements come in pairs, the first key and, with `end`, the one after the last. */
    intervals: (name: string, key: KeyPart): NetlinkMessage => set(name, [key], undefined, SET_INTERVAL),
    map: (name: string, key: readonly KeyPart[], data: readonly KeyPart[]): NetlinkMessage => set(name, key, data),
    add: (name: string, ...entries: SetElement[]): NetlinkMessage => elements(NEWSETELEM, NLM_F_CREATE, name, entries),
    remove: (name: string, ...entries: SetElement[]): NetlinkMessage => elements(DELSETELEM, 0, name, entries),
  };
}

/** One element: each part of key and data padded to four bytes. */
export interface SetElement {
  readonly key: Uint8Array;
  readonly data?: Uint8Array;
  /** Closes an interval instead of opening one. */
  readonly end?: boolean;
}

export interface RuleOptions {
  /** Put the rule at the head of its chain. */
  readonly first?: boolean;
  /** Shown by `nft list ruleset`; how a rule of ours is found again. */
  readonly comment?: string;
}

/** User data of a rule as libnftnl writes it: type 0 (comment), length, text with NUL. */
function commentData(comment: string): Buffer {
  const text = Buffer.from(`${comment}\0`, "utf8");
  return Buffer.concat([Buffer.of(0, text.length), text]);
}

function commentOf(data: Buffer | undefined): string {
  if (data?.[0] !== 0) return "";
  return attributeText(data.subarray(2, 2 + (data[1] ?? 0)));
}

/** A chain of any table. */
export interface ListedChain {
  readonly table: string;
  readonly name: string;
  /** Hook number and policy of a base chain; undefined of a plain one. */
  readonly hook: number | undefined;
  readonly policy: number | undefined;
}

export interface ListedRule {
  readonly handle: bigint;
  readonly comment: string;
}

/** A connection to nf_tables of the namespace in which it is opened. It owns the tables it makes with TABLE_OWNER. */
export class Nftables implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

  /** Commits the steps as one transaction: all of them, or none and the first failure is thrown. */
  commit(what: string, ...steps: NetlinkMessage[]): void {
    const edge = (type: number): NetlinkMessage => ({ type, flags: 0, payload: generic(0, SUBSYSTEM) });
    this.#socket.request(what, edge(BATCH_BEGIN), ...steps, edge(BATCH_END));
  }

  chains(familyNumber: number): ListedChain[] {
    return this.#dump(GETCHAIN, familyNumber).map((reply) => {
      const attributes = readAttributes(reply.subarray(4));
      const hooked = attributes.get(4);
      return {
        table: attributeText(attributes.get(1)),
        name: attributeText(attributes.get(3)),
        hook: hooked ? readAttributes(hooked).get(1)?.readUInt32BE(0) : undefined,
        policy: attributes.get(5)?.readUInt32BE(0),
      };
    });
  }

  rules(familyNumber: number, table: string, chain: string): ListedRule[] {
    const found: ListedRule[] = [];
    for (const reply of this.#dump(GETRULE, familyNumber, attributeString(1, table), attributeString(2, chain))) {
      const attributes = new Map(eachAttribute(reply.subarray(4)));
      if (attributeText(attributes.get(1)) !== table || attributeText(attributes.get(2)) !== chain) continue;
      found.push({ handle: attributes.get(3)?.readBigUInt64BE(0) ?? 0n, comment: commentOf(attributes.get(7)) });
    }
    return found;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #dump(type: number, familyNumber: number, ...parts: Buffer[]): Buffer[] {
    return this.#socket.query("list", {
      type: (SUBSYSTEM << 8) | type,
      flags: NLM_F_DUMP,
      payload: Buffer.concat([generic(familyNumber), ...parts]),
    });
  }
}
