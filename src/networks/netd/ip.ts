/** Addresses of both families as numbers of their width, and networks as address and prefix. */

export type Family = "ipv4" | "ipv6";

/** Both families, in the order in which they are tried and shown. */
export const families = ["ipv4", "ipv6"] as const;

export interface IpAddress {
  readonly family: Family;
  readonly value: bigint;
}

/** A network: `base` has no host bits set. */
export interface Cidr {
  readonly family: Family;
  readonly base: bigint;
  readonly prefix: number;
}

/** Bits of an address. */
export const widthOf = (family: Family): number => (family === "ipv4" ? 32 : 128);

/** The family that a text is written in; says nothing about whether it is an address. */
export const familyOf = (text: string): Family => (text.includes(":") ? "ipv6" : "ipv4");

/** The address that a text stands for; undefined when it is none, and for one with a zone. */
export function parseAddress(text: string): IpAddress | undefined {
  const family = familyOf(text);
  const value = family === "ipv4" ? parseDotted(text) : parseGroups(text);
  return value === undefined ? undefined : { family, value };
}

function parseDotted(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256n + BigInt(part);
  }
  return value;
}

/** RFC 4291 section 2.2, with the last 32 bits in dotted form too. */
function parseGroups(text: string): bigint | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const tail = parseDotted(dotted[2] ?? "");
    if (tail === undefined) return undefined;
    return parseGroups(`${dotted[1]}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`);
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  let value = 0n;
  for (const group of [...head, ...Array<string>(missing).fill("0"), ...tail]) {
    if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined;
    value = (value << 16n) | BigInt(`0x${group}`);
  }
  return value;
}

/** The canonical text (RFC 5952). */
export function addressText({ family, value }: IpAddress): string {
  if (family === "ipv4") return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, n) => ((value >> BigInt(112 - 16 * n)) & 0xffffn).toString(16));
  let [at, length] = [0, 0];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (groups[end] === "0") end++;
    if (end - start > length) [at, length] = [start, end - start];
  }
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, at).join(":")}::${groups.slice(at + length).join(":")}`;
}

/** Network byte order. */
export function addressBytes({ family, value }: IpAddress): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(widthOf(family) / 4, "0"), "hex"));
}

/** The bytes of an address in text; throws for what is none. */
export function bytesOf(text: string): Uint8Array {
  const address = parseAddress(text);
  if (!address) throw new Error(`bad address ${JSON.stringify(text)}`);
  return addressBytes(address);
}

export function addressFromBytes(bytes: Uint8Array): IpAddress {
  return { family: bytes.length === 4 ? "ipv4" : "ipv6", value: BigInt(`0x${Buffer.from(bytes).toString("hex")}`) };
}

/** How many addresses a network has. */
export const sizeOf = ({ family, prefix }: Pick<Cidr, "family" | "prefix">): bigint =>
  1n << BigInt(widthOf(family) - prefix);

export function cidrOf({ family, value }: IpAddress, prefix: number): Cidr {
  return { family, base: value - (value % sizeOf({ family, prefix })), prefix };
}

/** `address/prefix`, the address as given; undefined when `text` is none. */
export function parseCidr(text: string): { address: IpAddress; cidr: Cidr } | undefined {
  const [head = "", tail = "", ...more] = text.split("/");
  const address = parseAddress(head);
  if (!address || more.length > 0 || !/^\d{1,3}$/.test(tail) || Number(tail) > widthOf(address.family)) {
    return undefined;
  }
  return { address, cidr: cidrOf(address, Number(tail)) };
}

export const cidrText = (cidr: Cidr): string => `${addressText(firstOf(cidr))}/${cidr.prefix}`;

/** The address that the network is named by. */
export const firstOf = ({ family, base }: Cidr): IpAddress => ({ family, value: base });

/** The last address of the network; IPv4's broadcast. */
export const lastOf = (cidr: Cidr): IpAddress => ({ family: cidr.family, value: cidr.base + sizeOf(cidr) - 1n });

export function contains(cidr: Cidr, address: IpAddress): boolean {
  return cidr.family === address.family && address.value >= cidr.base && address.value < cidr.base + sizeOf(cidr);
}

export function overlap(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base < b.base + sizeOf(b) && b.base < a.base + sizeOf(a);
}

/** `fd00::3` of `fd00::3/64`. */
export const hostPart = (address: string): string => address.slice(0, address.indexOf("/"));

/** 64 of `fd00::3/64`. */
export const prefixOf = (address: string): number => Number(address.slice(address.indexOf("/") + 1));
