/** Steps of an nf_tables transaction on one table: chains, rules, sets and elements (linux/netfilter/nf_tables.h). */

import {
  attribute,
  attributeBe32,
  attributeString,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  nested,
} from "./netlink.ts";
import { dataValue, LIST_ELEMENT, verdict } from "./nft-expressions.ts";

export const SUBSYSTEM = 10;
const NEWTABLE = 0;
const DELTABLE = 2;
const NEWCHAIN = 3;
const NEWRULE = 6;
const DELRULE = 8;
const NEWSET = 9;
const NEWSETELEM = 12;
const DELSETELEM = 14;

export const hook = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

/** The table is dropped when the socket that made it closes, and nobody else may touch it. */
export const TABLE_OWNER = 0x2;

/** With TABLE_OWNER: the table stays, without an owner, when the socket closes (Linux 6.9). */
export const TABLE_PERSIST = 0x4;
const SET_INTERVAL = 0x4;
const SET_MAP = 0x8;
export const ELEMENT_INTERVAL_END = 0x1;

/** Numbers that nft(8) gives to types, so that it can print our sets. */
const datatype = { ipv4: 7, ipv6: 8, protocol: 12, service: 13, ifname: 41 } as const;
export type KeyPart = keyof typeof datatype;
const concatType = (parts: readonly KeyPart[]): number => parts.reduce((type, part) => (type << 6) | datatype[part], 0);
const partLength = (part: KeyPart): number => (part === "ifname" || part === "ipv6" ? 16 : 4);
const keyLength = (parts: readonly KeyPart[]): number => parts.reduce((sum, part) => sum + partLength(part), 0);

export function generic(familyNumber: number, resource = 0): Buffer {
  const header = Buffer.alloc(4);
  header[0] = familyNumber;
  header.writeUInt16BE(resource, 2);
  return header;
}

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
    name: table,
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
