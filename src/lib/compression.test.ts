import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { decompress, detectCompression } from "./compression.ts";

async function* chunks(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function unpack(bytes: Uint8Array, size?: number): Promise<Buffer> {
  const out: Uint8Array[] = [];
  for await (const chunk of decompress(chunks(bytes, size))) out.push(chunk);
  return Buffer.concat(out);
}
const plain = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(""));
const host = (program: string): Buffer => spawnSync(program, ["-c"], { input: plain, maxBuffer: 1 << 24 }).stdout;

test("decompress() unpacks gzip, zstd, xz, bzip2 and plain streams by their first bytes", async () => {
  for (const packed of [gzipSync(plain), zstdCompressSync(plain), host("xz"), host("bzip2"), plain]) {
    expect((await unpack(packed)).equals(plain)).toBe(true);
    expect((await unpack(packed, 1)).equals(plain)).toBe(true);
  }
});

test("hardening 37: decompress() joins the members of a gzip stream and the frames of a zstd stream", async () => {
  const [a, b] = [plain.subarray(0, 5000), plain.subarray(5000)];
  expect((await unpack(Buffer.concat([gzipSync(a), gzipSync(b)]))).equals(plain)).toBe(true);
  expect((await unpack(Buffer.concat([zstdCompressSync(a), zstdCompressSync(b)]))).equals(plain)).toBe(true);
});

test("hardening 37: decompress() skips skippable zstd frames", async () => {
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
  expect((await unpack(Buffer.concat([skippable, zstdCompressSync(plain), skippable]))).equals(plain)).toBe(true);
});

test("hardening 19: decompress() refuses a cut stream", async () => {
  for (const packed of [gzipSync(plain), zstdCompressSync(plain), host("xz"), host("bzip2")]) {
    for (const share of [0.1, 0.5, 0.9]) {
      await expect(unpack(packed.subarray(0, packed.length * share))).rejects.toThrow();
    }
  }
});

test("hardening 37: decompress() refuses garbage after a stream of any kind", async () => {
  for (const packed of [gzipSync(plain), zstdCompressSync(plain), host("xz"), host("bzip2")]) {
    for (const garbage of [Buffer.from("this is not a member"), Buffer.from([0x1f]), Buffer.from([0x28, 0xb5, 0x2f])]) {
      await expect(unpack(Buffer.concat([packed, garbage]))).rejects.toThrow();
    }
  }
});

test("hardening 37: decompress() gives nothing for an empty stream", async () => {
  const empty = Buffer.alloc(0);
  for (const packed of [empty, gzipSync(empty), zstdCompressSync(empty)]) expect((await unpack(packed)).length).toBe(0);
});

test("hardening 37: decompress() takes a zstd window of 128 MiB and refuses a larger one", async () => {
  // A frame of one raw block, its window's logarithm given (RFC 8878, 3.1.1.1.2).
  const framed = (log: number): Buffer =>
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, (3 << 3) | 1, 0, 0, ...Buffer.from("abc")]);
  expect((await unpack(framed(27))).toString()).toBe("abc");
  for (const log of [28, 31, 41]) await expect(unpack(framed(log))).rejects.toThrow("zstd");
});

test("detectCompression() is not fooled by a short head", () => {
  expect(detectCompression(Buffer.alloc(0))).toBe("none");
  expect(detectCompression(Buffer.from([0x1f, 0x8b]))).toBe("none");
});
