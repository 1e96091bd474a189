/**
 * Protocol Buffers messages (proto3) as tables: a field's name, number and kind. The TypeScript type follows from the table, so
 * that both ends of a wire read one definition. https://protobuf.dev/programming-guides/encoding/
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { invalidArgument, messageOf } from "../errors.ts";

/**
 * `int64` is a bigint; `size` is an int64 that fits a number exactly, and refuses what does not. Enumerations are `int32`.
 */
interface ScalarTypes {
  string: string;
  bytes: Uint8Array;
  bool: boolean;
  int32: number;
  uint32: number;
  size: number;
  int64: bigint;
}

type Scalar = keyof ScalarTypes;

/** A message, or what gives one that is defined further down. */
type Nested = MessageType<Fields> | (() => MessageType<Fields>);

type Kind = Scalar | Nested;

export interface Field<K extends Kind = Kind, Shape extends string = string> {
  readonly number: number;
  readonly kind: K;
  readonly shape: Shape;
}

// A method, so that a table with its own field names is still one of these.
export type Fields = Readonly<Record<string, Field>>;

type ValueOf<K> = K extends Scalar
  ? ScalarTypes[K]
  : K extends MessageType<infer F>
    ? MessageOf<F>
    : K extends () => MessageType<infer F>
      ? MessageOf<F>
      : never;

type FieldValue<F> =
  F extends Field<infer K, infer S>
    ? S extends "many"
      ? readonly ValueOf<K>[]
      : S extends "map"
        ? ReadonlyMap<string, ValueOf<K>>
        : K extends Scalar
          ? ScalarTypes[K]
          : ValueOf<K> | undefined
    : never;

/** What is read: absent scalars are zero, absent messages undefined. */
export type MessageOf<F extends Fields> = { readonly [N in keyof F]: FieldValue<F[N]> };

type InputValue<F> =
  F extends Field<infer K, infer S>
    ? S extends "many"
      ? readonly InputOfKind<K>[]
      : S extends "map"
        ? ReadonlyMap<string, InputOfKind<K>>
        : InputOfKind<K>
    : never;

type InputOfKind<K> = K extends Scalar
  ? ScalarTypes[K]
  : K extends MessageType<infer F>
    ? InputOf<F>
    : K extends () => MessageType<infer F>
      ? InputOf<F>
      : never;

/** What is written: what is left out, is not sent. */
export type InputOf<F extends Fields> = { readonly [N in keyof F]?: InputValue<F[N]> | undefined };

export interface MessageType<F extends Fields> {
  /** In full, with its package. */
  readonly name: string;
  readonly fields: F;
  encode(value: InputOf<F>): Uint8Array;
  /**
   * Fields that the table lacks are passed over; throws `invalidArgument` for what is no message, or has more messages, items and
   * entries than `maxValues`.
   */
  decode(bytes: Uint8Array, maxValues?: number): MessageOf<F>;
}

/** The read form of a message: `type Packet = Read<typeof Packet>`. */
export type Read<M> = M extends MessageType<infer F> ? MessageOf<F> : never;
/** The written form of a message. */
export type Written<M> = M extends MessageType<infer F> ? InputOf<F> : never;

export const one = <K extends Kind>(number: number, kind: K): Field<K, "one"> => ({ number, kind, shape: "one" });
export const many = <K extends Kind>(number: number, kind: K): Field<K, "many"> => ({ number, kind, shape: "many" });
/** A map from texts. */
export const map = <K extends Kind>(number: number, kind: K): Field<K, "map"> => ({ number, kind, shape: "map" });

/** How deep messages may lie in each other. */
const maxDepth = 64;
/** Two bytes may be an object: what a peer sends is not to grow a hundredfold. */
const maxPeerValues = 1 << 18;

class CountingReader extends BinaryReader {
  #left: number;

  constructor(bytes: Uint8Array, maxValues: number) {
    super(bytes);
    this.#left = maxValues;
  }

  count(): void {
    if (--this.#left < 0) throw new Error("too many values");
  }
}

export function message<const F extends Fields>(name: string, fields: F): MessageType<F> {
  const codec = new Codec(name, fields);
  return {
    name,
    fields,
    encode: (value) => {
      const writer = new BinaryWriter();
      codec.write(writer, value as Loose);
      return writer.finish();
    },
    decode: (bytes, maxValues = maxPeerValues) => {
      try {
        return codec.read(new CountingReader(bytes, maxValues), bytes.length, 0) as MessageOf<F>;
      } catch (error) {
        throw invalidArgument(`malformed ${name}: ${messageOf(error)}`, { cause: error });
      }
    },
  };
}

type Loose = Readonly<Record<string, unknown>>;

class Codec {
  readonly #fields: readonly (readonly [string, Field])[];
  readonly #byNumber: ReadonlyMap<number, readonly [string, Field]>;
  static readonly #codecs = new WeakMap<object, Codec>();

  constructor(name: string, fields: Fields) {
    this.#fields = Object.entries(fields);
    this.#byNumber = new Map(this.#fields.map((entry) => [entry[1].number, entry]));
    if (this.#byNumber.size !== this.#fields.length) throw new Error(`two fields of ${name} have one number`);
    Codec.#codecs.set(fields, this);
  }

  static of(kind: Nested): Codec {
    return Codec.#codecs.get((typeof kind === "function" ? kind() : kind).fields)!;
  }

  write(writer: BinaryWriter, value: Loose): void {
    for (const [name, field] of this.#fields) {
      const given = value[name];
      if (given === undefined) continue;
      const { number, kind, shape } = field;
      if (shape === "many") for (const item of given as Iterable<unknown>) writeItem(writer, number, kind, item, true);
      else if (shape === "map") writeMap(writer, number, kind, given as ReadonlyMap<string, unknown>);
      else writeItem(writer, number, kind, given, false);
    }
  }

  read(reader: CountingReader, end: number, depth: number): Record<string, unknown> {
    reader.count();
    if (depth > maxDepth) throw new Error(`nested deeper than ${maxDepth} messages`);
    const value: Record<string, unknown> = {};
    for (const [name, { kind, shape }] of this.#fields) {
      if (shape === "many") value[name] = [];
      else if (shape === "map") value[name] = new Map();
      else value[name] = typeof kind === "string" ? zeroOf(kind) : undefined;
    }
    while (reader.pos < end) {
      const [number, wire] = reader.tag();
      const known = this.#byNumber.get(number);
      if (known === undefined) reader.skip(wire, number);
      else readField(reader, value, known, wire, depth);
    }
    if (reader.pos !== end) throw new Error("a field goes beyond the end");
    return value;
  }
}

function zeroOf(kind: Scalar): unknown {
  switch (kind) {
    case "string":
      return "";
    case "bytes":
      return new Uint8Array();
    case "bool":
      return false;
    case "int64":
      return 0n;
    default:
      return 0;
  }
}

function writeItem(writer: BinaryWriter, number: number, kind: Kind, value: unknown, isItem: boolean): void {
  if (typeof kind !== "string") {
    writer.tag(number, WireType.LengthDelimited).fork();
    Codec.of(kind).write(writer, value as Loose);
    writer.join();
    return;
  }
  if (kind === "string" || kind === "bytes") {
    const isEmpty = (value as string | Uint8Array).length === 0;
    if (isEmpty && !isItem) return;
    writer.tag(number, WireType.LengthDelimited);
    if (kind === "string") writer.string(value as string);
    else writer.bytes(value as Uint8Array);
    return;
  }
  if (!isItem && (value === 0 || value === 0n || value === false)) return;
  writer.tag(number, WireType.Varint);
  switch (kind) {
    case "bool":
      return void writer.bool(value as boolean);
    case "int32":
      return void writer.int32(value as number);
    case "uint32":
      return void writer.uint32(value as number);
    default:
      return void writer.int64(value as number | bigint);
  }
}

function writeMap(writer: BinaryWriter, number: number, kind: Kind, entries: ReadonlyMap<string, unknown>): void {
  // Sorted, so that equal messages are equal bytes.
  for (const [key, value] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    writer.tag(number, WireType.LengthDelimited).fork();
    writeItem(writer, 1, "string", key, false);
    writeItem(writer, 2, kind, value, false);
    writer.join();
  }
}

function readField(
  reader: CountingReader,
  value: Record<string, unknown>,
  [name, { number, kind, shape }]: readonly [string, Field],
  wire: WireType,
  depth: number,
): void {
  if (shape === "map") {
    expectWire(wire, WireType.LengthDelimited, number);
    reader.count();
    const [key, item] = readEntry(reader, kind, depth);
    (value[name] as Map<string, unknown>).set(key, item);
    return;
  }
  if (shape === "many") {
    const list = value[name] as unknown[];
    const isPacked = wire === WireType.LengthDelimited && isVarint(kind);
    const add = (item: unknown): void => {
      reader.count();
      list.push(item);
    };
    if (!isPacked) add(readItem(reader, kind, wire, number, depth));
    else for (const end = endOf(reader); reader.pos < end; ) add(readScalar(reader, kind as Scalar));
    return;
  }
  value[name] = readItem(reader, kind, wire, number, depth);
}

function readEntry(reader: CountingReader, kind: Kind, depth: number): [string, unknown] {
  const end = endOf(reader);
  let key = "";
  let item: unknown = typeof kind === "string" ? zeroOf(kind) : Codec.of(kind).read(reader, reader.pos, depth + 1);
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    if (number === 1) key = readItem(reader, "string", wire, number, depth) as string;
    else if (number === 2) item = readItem(reader, kind, wire, number, depth);
    else reader.skip(wire, number);
  }
  return [key, item];
}

function readItem(reader: CountingReader, kind: Kind, wire: WireType, number: number, depth: number): unknown {
  expectWire(wire, isVarint(kind) ? WireType.Varint : WireType.LengthDelimited, number);
  if (typeof kind === "string") return readScalar(reader, kind);
  return Codec.of(kind).read(reader, endOf(reader), depth + 1);
}

const isVarint = (kind: Kind): boolean => typeof kind === "string" && kind !== "string" && kind !== "bytes";

function expectWire(wire: WireType, wanted: WireType, number: number): void {
  if (wire !== wanted) throw new Error(`field ${number} has wire type ${wire} instead of ${wanted}`);
}

function endOf(reader: BinaryReader): number {
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new Error("a field goes beyond the end");
  return end;
}

function readScalar(reader: CountingReader, kind: Scalar): unknown {
  switch (kind) {
    case "string":
      return reader.string();
    case "bytes":
      return reader.bytes();
    case "bool":
      return reader.bool();
    case "int32":
      return reader.int32();
    case "uint32":
      return reader.uint32();
    case "int64":
      return BigInt(reader.int64());
    case "size": {
      const value = Number(reader.int64());
      if (!Number.isSafeInteger(value)) throw new Error(`${value} is too large a number`);
      return value;
    }
  }
}
