import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pickSnapshotter } from "./drivers.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-drivers-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }), 60_000);
const quiet = (): void => {};

test("pickSnapshotter() takes overlay2 where it mounts, and leaves no trial mount behind", async () => {
  expect((await pickSnapshotter(undefined, join(dir, "overlay"), quiet)).name).toBe("overlay2");
  expect(readdirSync(join(dir, "overlay")).filter((name) => name.startsWith("probe"))).toEqual([]);
});

test("pickSnapshotter() keeps vfs beside overlay and refuses other drivers", async () => {
  expect((await pickSnapshotter("vfs", join(dir, "overlay"), quiet)).name).toBe("vfs");
  expect(existsSync(join(dir, "vfs/layers"))).toBe(true);
  await expect(pickSnapshotter("btrfs", join(dir, "overlay"), quiet)).rejects.toThrow("driver not supported: btrfs");
});
