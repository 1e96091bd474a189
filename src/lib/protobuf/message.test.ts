import { expect, test } from "bun:test";
import { seeded } from "../../../test/fixtures/seeded.ts";
import { many, map, message, one, type Read } from "./message.ts";

const Leaf = message("test.Leaf", { name: one(1, "string"), count: one(2, "int64") });
const Tree = message("test.Tree", {
  leaf: one(1, Leaf),
  leaves: many(2, Leaf),
  named: map(3, Leaf),
  words: map(4, "string"),
  numbers: many(5, "uint32"),
  size: one(6, "size"),
  data: one(7, "bytes"),
  on: one(8, "bool"),
  signed: one(9, "int32"),
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("message() writes what the encoding page shows", () => {
  const Test1 = message("Test1", { a: one(1, "int32") });
  expect(hex(Test1.encode({ a: 150 }))).toBe("089601");
  const Test2 = message("Test2", { b: one(2, "string") });
  expect(hex(Test2.encode({ b: "testing" }))).toBe("120774657374696e67");
  expect(Test1.decode(Buffer.from("089601", "hex"))).toEqual({ a: 150 });
});

test("message() reads back what it wrote", () => {
  const value = {
    leaf: { name: "x", count: -(2n ** 63n) },
    leaves: [
      { name: "", count: 0n },
      { name: "y", count: 2n ** 62n },
    ],
    named: new Map([["k", { name: "v", count: 1n }]]),
    words: new Map([
      ["a", ""],
      ["", "b"],
      ["__proto__", "c"],
    ]),
    numbers: [0, 1, 4294967295],
    size: 2 ** 53 - 1,
    data: new Uint8Array([0, 255]),
    on: true,
    signed: -1,
  };
  expect(Tree.decode(Tree.encode(value))).toEqual(value as Read<typeof Tree>);
});

test("message() gives zeros for what is not there", () => {
  const empty = Tree.decode(new Uint8Array());
  expect(empty).toMatchObject({ leaf: undefined, leaves: [], size: 0, on: false, signed: 0 });
  expect(empty.words.size).toBe(0);
});

test("message() reads packed numbers, and passes over unknown fields", () => {
  expect(Tree.decode(Buffer.from("2a03010203", "hex")).numbers).toEqual([1, 2, 3]);
  expect(Tree.decode(Buffer.from("fa0104deadbeef4001", "hex")).on).toBe(true);
});

test.each([
  ["0a05", "cut off"],
  ["0a0508", "cut off inside"],
  ["08", "no value"],
  ["0801", "a number where a message belongs"],
  ["4206646f63", "bytes where a flag belongs"],
  ["30ffffffffffffffff7f", "a size beyond what is exact"],
  ["0affffffff0f", "a length beyond the end"],
])("message() refuses %s: %s", (text) => {
  expect(() => Tree.decode(Buffer.from(text, "hex"))).toThrow(/^malformed test\.Tree: /);
});

test("message() refuses what would be far larger than its bytes", () => {
  const leaves = Buffer.from("1200".repeat(300_000), "hex");
  expect(() => Tree.decode(leaves)).toThrow("malformed test.Tree: too many values");
  expect(Tree.decode(leaves, Number.POSITIVE_INFINITY).leaves).toHaveLength(300_000);
  const packed = Buffer.concat([Buffer.from("2ae0a712", "hex"), Buffer.alloc(300_000)]);
  expect(() => Tree.decode(packed)).toThrow("too many values");
});

test("message() reads or refuses any bytes", () => {
  const random = seeded(7);
  const whole = Tree.encode({
    leaf: { name: "x", count: 3n },
    words: new Map([["a", "b"]]),
    numbers: [1],
    data: random.bytes(9),
  });
  let refused = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = i % 2 === 0 ? random.bytes(random.upTo(40)) : Uint8Array.from(whole);
    if (i % 2 === 1) bytes[random.upTo(bytes.length - 1)] = random.upTo(255);
    try {
      Tree.decode(bytes);
    } catch (error) {
      expect((error as Error).message).toStartWith("malformed test.Tree: ");
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(1000);
});
