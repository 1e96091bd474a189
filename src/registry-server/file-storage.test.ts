import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageSuite } from "../../test/fixtures/storage-suite.ts";
import { FileStorage } from "./file-storage.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "dhow-storage-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

storageSuite(() => new FileStorage(root));

test("what a write that was cut short left is swept away when it is old enough", async () => {
  const storage = new FileStorage(root);
  await storage.write("some/link", "x");
  const parts = join(root, "docker/registry/v2/_parts");
  mkdirSync(parts, { recursive: true });
  writeFileSync(join(parts, "half"), "hal");
  await storage.sweep(Date.now() - 60_000);
  expect(readdirSync(parts)).toEqual(["half"]);
  await storage.sweep(Date.now() + 60_000);
  expect(readdirSync(parts)).toEqual([]);
});
