/** MessagePack (github.com/msgpack/msgpack), as much as Fluentd's forward protocol speaks. */

export type Packable = string | number | Packed | readonly Packable[] | { readonly [key: string]: string | number };

/** Bytes that are packed already. */
export class Packed {
  readonly bytes: Buffer;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** Type 0 of Fluentd's extensions: seconds and nanoseconds since the epoch. */
export function eventTime(at: bigint): Packed {
  const bytes = Buffer.alloc(10);
  bytes.set([0xd7, 0x00]);
  bytes.writeUInt32BE(Number(at / 1_000_000_000n), 2);
  bytes.writeUInt32BE(Number(at % 1_000_000_000n), 6);
  return new Packed(bytes);
}

export function pack(value: Packable): Buffer {
  if (value instanceof Packed) return value.bytes;
  if (typeof value === "string") return packString(value);
  if (typeof value === "number") return packInteger(value);
  if (Array.isArray(value)) {
    return Buffer.concat([sized(value.length, 0x90, 0xdc), ...value.map((each: Packable) => pack(each))]);
  }
  const entries = Object.entries(value as { readonly [key: string]: string | number });
  const packed = entries.flatMap(([key, each]) => [packString(key), pack(each)]);
  return Buffer.concat([sized(entries.length, 0x80, 0xde), ...packed]);
}

/** The head of an array or a map: 4, 16 or 32 bits of length. */
function sized(length: number, short: number, long: number): Buffer {
  if (length < 16) return Buffer.from([short | length]);
  if (length < 2 ** 16) return Buffer.from([long, length >> 8, length & 0xff]);
  const head = Buffer.alloc(5);
  head[0] = long + 1;
  head.writeUInt32BE(length, 1);
  return head;
}

function packString(text: string): Buffer {
  const bytes = Buffer.from(text);
  const { length } = bytes;
  if (length < 32) return Buffer.concat([Buffer.from([0xa0 | length]), bytes]);
  if (length < 2 ** 8) return Buffer.concat([Buffer.from([0xd9, length]), bytes]);
  if (length < 2 ** 16) return Buffer.concat([Buffer.from([0xda, length >> 8, length & 0xff]), bytes]);
  const head = Buffer.alloc(5);
  head[0] = 0xdb;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}

/** Unsigned, up to 2^53. */
function packInteger(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned integer: ${value}`);
  if (value < 128) return Buffer.from([value]);
  const bytes = Buffer.alloc(9);
  if (value < 2 ** 32) {
    bytes[0] = 0xce;
    bytes.writeUInt32BE(value, 1);
    return bytes.subarray(0, 5);
  }
  bytes[0] = 0xcf;
  bytes.writeBigUInt64BE(BigInt(value), 1);
  return bytes;
}

/** A map of short strings that is complete in `bytes`, and how long it is; `null` when more has to come first. */
export function unpackStringMap(bytes: Buffer): { map: Record<string, string>; length: number } | null {
  if (bytes.length === 0) return null;
  const count = (bytes[0] ?? 0) ^ 0x80;
  if (count > 15) throw new Error("expected a map");
  const map: Record<string, string> = {};
  let at = 1;
  const text = (): string | null => {
    const head = bytes[at] ?? -1;
    const short = head >= 0xa0 && head < 0xc0;
    if (head !== -1 && !short && head !== 0xd9) throw new Error("expected a short string");
    const start = at + (short ? 1 : 2);
    const length = short ? head & 0x1f : bytes[at + 1];
    if (head === -1 || length === undefined || start + length > bytes.length) return null;
    at = start + length;
    return bytes.toString("utf8", start, at);
  };
  for (let i = 0; i < count; i++) {
    const key = text();
    const value = key === null ? null : text();
    if (key === null || value === null) return null;
    map[key] = value;
  }
  return { map, length: at };
}
