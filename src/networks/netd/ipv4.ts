/** IPv4 addresses as unsigned numbers, and networks as address and prefix. */

/** A network: `base` has no host bits set. */
export interface Cidr {
  readonly base: number;
  readonly prefix: number;
}

/** The number of a dotted address, or undefined when `text` is none. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function addressText(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
}

export function addressBytes(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

export function addressFromBytes(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

/** How many addresses a network of that prefix has. */
export const sizeOf = (prefix: number): number => 2 ** (32 - prefix);

const baseOf = (address: number, prefix: number): number => address - (address % sizeOf(prefix));

/** `address/prefix`, the address as given; undefined when `text` is none. */
export function parseCidr(text: string): { address: number; cidr: Cidr } | undefined {
  const [head = "", tail = "", ...more] = text.split("/");
  const address = parseAddress(head);
  if (address === undefined || more.length > 0 || !/^\d{1,2}$/.test(tail) || Number(tail) > 32) return undefined;
  const prefix = Number(tail);
  return { address, cidr: { base: baseOf(address, prefix), prefix } };
}

export const cidrText = ({ base, prefix }: Cidr): string => `${addressText(base)}/${prefix}`;

export function cidrOf(address: number, prefix: number): Cidr {
  return { base: baseOf(address, prefix), prefix };
}

export function contains(cidr: Cidr, address: number): boolean {
  return address >= cidr.base && address < cidr.base + sizeOf(cidr.prefix);
}

export function overlap(a: Cidr, b: Cidr): boolean {
  return a.base < b.base + sizeOf(b.prefix) && b.base < a.base + sizeOf(a.prefix);
}

/** The last address of the network. */
export const broadcastOf = ({ base, prefix }: Cidr): number => base + sizeOf(prefix) - 1;
