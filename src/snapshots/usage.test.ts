import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { overlayChanges } from "./changes.ts";
import { usageOf } from "./usage.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-usage-"));
const root = join(dir, "root");
const host = join(dir, "host");
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A tree big enough for a walk to stop for others on its way. */
beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, "a/b"), { recursive: true });
  writeFileSync(join(root, "a/b/inner"), "12345");
  for (let i = 0; i < 1500; i++) writeFileSync(join(root, `a/file${i}`), "x");
  mkdirSync(join(host, "b"), { recursive: true });
  writeFileSync(join(host, "b/secret"), "s".repeat(10_000));
});

test("usageOf() counts what is there, files with several names once", async () => {
  expect(await usageOf(root)).toEqual({ size: 1505, files: 1503 });
  expect(await usageOf(join(dir, "nothing"))).toEqual({ size: 0, files: 0 });
});

test("usageOf() does not follow a directory that is swapped for a link to the host", async () => {
  const counting = usageOf(root);
  renameSync(join(root, "a"), join(dir, "moved"));
  symlinkSync(host, join(root, "a"));
  expect((await counting).size).toBeLessThan(10_000);
  rmSync(join(dir, "moved"), { recursive: true });
});

test("usageOf() and overlayChanges() leave out what vanishes under them", async () => {
  const counting = usageOf(root);
  rmSync(join(root, "a"), { recursive: true });
  expect((await counting).size).toBeLessThan(1506);
  mkdirSync(join(root, "a"));
  for (let i = 0; i < 1500; i++) mkdirSync(join(root, `a/dir${i}`));
  let told = 0;
  for await (const _change of overlayChanges(root, []))
    if (++told === 100) rmSync(join(root, "a"), { recursive: true });
  expect(told).toBeLessThan(1501);
});
