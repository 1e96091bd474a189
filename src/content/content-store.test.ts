import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../lib/digest.ts";
import { ContentStore } from "./content-store.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-content-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("Ingest.commit() gives up the bytes that the disk did not take, also those of a resumable download", async () => {
  let syncs = 0;
  const failing = new ContentStore(root, async () => {
    syncs++;
    throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
  });
  const bytes = Buffer.from("bytes");
  const blob = { digest: digestOf(bytes), size: bytes.length };
  using ingest = failing.resume(blob.digest);
  ingest.write(bytes);
  await expect(ingest.commit(blob)).rejects.toThrow("EIO");
  expect([syncs, failing.has(blob.digest), readdirSync(join(root, "ingest")).length]).toEqual([1, false, 0]);
});
