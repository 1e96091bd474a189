import { expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { gzipStream } from "./gzip-stream.ts";

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const packed = async (bytes: Uint8Array, chunk: number): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(gzipStream(inChunks(bytes, chunk))));

/** Bytes that pack somewhat. */
const sample = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, (_, i) => (i * i) >> 5));

test.each([0, 1, 1 << 20, (1 << 20) + 1, 5_000_000])("gzipStream() of %i bytes unpacks to the same", async (length) => {
  const bytes = sample(length);
  const gzip = await packed(bytes, 70_000);
  expect(gunzipSync(gzip).equals(bytes)).toBe(true);
  const other = Bun.spawnSync(["gzip", "-dc"], { stdin: gzip });
  expect([other.exitCode, Buffer.from(other.stdout).equals(bytes)]).toEqual([0, true]);
});

test("gzipStream() gives the same bytes for the same bytes, whatever their chunks", async () => {
  const bytes = sample(3_000_000);
  expect((await packed(bytes, 4096)).equals(await packed(bytes, 3_000_000))).toBe(true);
});

test("gzipStream() stores what packs no further, and packs what stands beside it", async () => {
  const dense = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)));
  const bytes = Buffer.concat([...Array.from({ length: 32 }, () => dense), Buffer.alloc(2 << 20)]);
  const gzip = await packed(bytes, 70_000);
  expect(gunzipSync(gzip).equals(bytes)).toBe(true);
  expect(gzip.length).toBeGreaterThan(2 << 20);
  expect(gzip.length).toBeLessThan((2 << 20) * 1.01);
});

test("gzipStream() ends with its source's error", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield sample(2_500_000);
    throw new Error("unreadable");
  }
  await expect(Array.fromAsync(gzipStream(broken()))).rejects.toThrow("unreadable");
});
