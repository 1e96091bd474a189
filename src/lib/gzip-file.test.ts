import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { gzipFile } from "./gzip-file.ts";

const directory = mkdtempSync(join(tmpdir(), "dhow-gzip-"));
afterAll(() => rmSync(directory, { recursive: true }));

async function packed(bytes: Uint8Array): Promise<Buffer> {
  const path = join(directory, "file");
  writeFileSync(path, bytes);
  // What was given out must not change while the rest is made.
  return Buffer.concat(await Array.fromAsync(gzipFile(path)));
}

/** Bytes that pack somewhat. */
const sample = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, (_, i) => (i * i) >> 5));
/** Bytes that pack no further. */
const dense = (length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
};

const block = 16 * 0xffff;
const lengths = [0, 1, 0xffff, 0x10000, block - 1, block, block + 1, 5_000_000];

test.each(lengths)("gzipFile() of %i bytes unpacks to the same", async (length) => {
  for (const bytes of [sample(length), dense(length)]) {
    const gzip = await packed(bytes);
    expect(gunzipSync(gzip).equals(bytes)).toBe(true);
    const other = Bun.spawnSync(["gzip", "-dc"], { stdin: gzip });
    expect([other.exitCode, Buffer.from(other.stdout).equals(bytes)]).toEqual([0, true]);
  }
});

test("gzipFile() gives the same bytes for the same bytes", async () => {
  const bytes = Buffer.concat([sample(3_000_000), dense(3_000_000)]);
  expect((await packed(bytes)).equals(await packed(bytes))).toBe(true);
});

test("gzipFile() stores what packs no further, and packs what stands beside it", async () => {
  const bytes = Buffer.concat([dense(2 * block), Buffer.alloc(2 * block), dense(2 * block)]);
  const gzip = await packed(bytes);
  expect(gunzipSync(gzip).equals(bytes)).toBe(true);
  expect(gzip.length).toBeGreaterThan(4 * block);
  expect(gzip.length).toBeLessThan(4 * block * 1.01);
});

test("gzipFile() of no file says so", async () => {
  await expect(Array.fromAsync(gzipFile(join(directory, "none")))).rejects.toThrow("ENOENT");
});
