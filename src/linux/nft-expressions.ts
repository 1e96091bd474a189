/** Expressions of nf_tables rules in the kernel's vocabulary (linux/netfilter/nf_tables.h). */
import { attribute, attributeBe32, attributeBe64, attributeString, nested } from "./netlink.ts";

export const family = { inet: 1, ipv4: 2, ipv6: 10 } as const;
export const verdict = { drop: 0, accept: 1, return: -5 } as const;

export const LIST_ELEMENT = 1;
const expression = (name: string, ...data: Buffer[]): Buffer =>
  nested(LIST_ELEMENT, attributeString(1, name), nested(2, ...data));
export const dataValue = (type: number, value: Uint8Array): Buffer => nested(type, attribute(1, value));
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};

const metaKey = { mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;
const ctKey = { state: 0, status: 2 } as const;

/** Registers of sixteen bytes are 1-4; those of four bytes are 8-23 and overlap them from the start. */
export const register = {
  first: 1,
  second: 2,
  word0: 8,
  word1: 9,
  word2: 10,
  word3: 11,
  word4: 12,
  word5: 13,
} as const;

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
  dnat: (address: number, port: number, familyNumber: number = family.ipv4): Buffer =>
    expression(
      "nat",
      attributeBe32(1, 1),
      attributeBe32(2, familyNumber),
      attributeBe32(3, address),
      attributeBe32(5, port),
    ),
  snat: (address: number, familyNumber: number): Buffer =>
    expression("nat", attributeBe32(1, 0), attributeBe32(2, familyNumber), attributeBe32(3, address)),
  /** Puts bytes into a register. */
  load: (to: number, value: Uint8Array): Buffer => expression("immediate", attributeBe32(1, to), dataValue(2, value)),
  /** Goes on with the rule only for what comes in above `rate` a second. */
  over: (rate: number, burst: number): Buffer =>
    expression("limit", attributeBe64(1, rate), attributeBe64(2, 1), attributeBe32(3, burst), attributeBe32(5, 1)),
  masquerade: (): Buffer => expression("masq"),
  counter: (): Buffer => expression("counter"),
  verdict: (code: number): Buffer =>
    expression("immediate", attributeBe32(1, 0), nested(2, nested(2, attributeBe32(1, code)))),
  /** Registers hold bit sets such as ct state in host byte order. */
  bits: u32,
};

/** A device name as set keys and comparisons want it: sixteen bytes, padded with NUL. */
export function ifnameBytes(name: string): Buffer {
  const out = Buffer.alloc(16);
  out.write(name, "utf8");
  return out;
}
