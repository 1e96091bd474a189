/** What every storage driver must do; each driver's test file runs it. */
import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { entriesOf, tarOf } from "../../test/fixtures/tar-builder.ts";
import { background } from "../lib/operation.ts";
import { AT_FDCWD, lstatAt } from "../linux/file.ts";
import type { Snapshotter } from "./snapshotter.ts";

const sha256 = (bytes: Uint8Array | string): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

async function bytesOf(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Runs the suite on the driver that `make` gives for a root. */
export function snapshotterSuite(name: string, make: (root: string) => Snapshotter): void {
  const dir = mkdtempSync(join(tmpdir(), `dhow-${name}-`));
  const driver = make(join(dir, "store"));
  const mounts: string[] = [];
  let number = 0;
  afterAll(async () => {
    for (const target of mounts) await driver.unmount(target);
    rmSync(dir, { recursive: true, force: true });
  });
  const apply = async (
    parent: string | null,
    tar: Buffer,
    body: string | Readable = Readable.from([tar]),
  ): Promise<string> => {
    const diffId = sha256(tar);
    const chainId = parent === null ? diffId : sha256(`${parent} ${diffId}`);
    await driver.applyLayer({ chainId, parent, diffId }, body, background());
    return chainId;
  };
  const mounted = async (parent: string | null): Promise<{ key: string; root: string }> => {
    const key = `key${++number}`;
    await driver.prepare(key, parent);
    const root = join(dir, "rootfs", key);
    await driver.mount(key, root);
    mounts.push(root);
    return { key, root };
  };
  const base = tarOf(
    { path: "./", type: "directory", mode: 0o751, uid: 5, gid: 6 },
    { path: "etc/", type: "directory", mode: 0o750, mtime: { sec: 1_000_000_000, nsec: 0 } },
    { path: "etc/hosts", type: "symlink", linkPath: "/canary" },
    { path: "bin/tool", type: "file", mode: 0o4755, uid: 7, gid: 8, data: "tool", mtime: { sec: -5, nsec: 123456789 } },
    { path: "bin/same", type: "hardlink", linkPath: "bin/tool" },
    { path: "dev/null", type: "char", mode: 0o666, devMajor: 1, devMinor: 3 },
    { path: "pipe", type: "fifo", mode: 0o600 },
    { path: "old/a", type: "file", data: "a" },
    { path: "old/b", type: "file", data: "b" },
    { path: "gone", type: "file", data: "gone" },
    { path: "deep/er/file", type: "file", data: "deep" },
    { path: "deep/", type: "directory", mode: 0o711, uid: 42, mtime: { sec: 77, nsec: 0 } },
  );

  test(`${name}: a mounted layer shows owner, mode, times, links, devices and FIFOs as archived`, async () => {
    const { root } = await mounted(await apply(null, base));
    const tool = lstatAt(AT_FDCWD, join(root, "bin/tool"));
    expect(tool).toMatchObject({ mode: 0o104755, uid: 7, gid: 8, nlink: 2, mtime: { sec: -5, nsec: 123456789 } });
    expect(lstatAt(AT_FDCWD, join(root, "bin/same")).ino).toBe(tool.ino);
    expect(lstatAt(AT_FDCWD, join(root, "dev/null"))).toMatchObject({ mode: 0o20666, rdevMajor: 1, rdevMinor: 3 });
    expect(lstatSync(join(root, "pipe")).isFIFO()).toBe(true);
    expect(lstatAt(AT_FDCWD, root)).toMatchObject({ mode: 0o40751, uid: 5, gid: 6 });
    expect(lstatAt(AT_FDCWD, join(root, "deep"))).toMatchObject({
      mode: 0o40711,
      uid: 42,
      mtime: { sec: 77, nsec: 0 },
    });
  });

  test(`${name}: init stubs replace what an image plants at their names, and keep directories' modes`, async () => {
    const { key, root } = await mounted(await apply(null, base));
    expect(lstatSync(join(root, "etc/hosts")).isFile()).toBe(true);
    expect(readlinkSync(join(root, "etc/mtab"))).toBe("/proc/mounts");
    expect(existsSync(join(root, ".dockerenv"))).toBe(true);
    expect(statSync(join(root, "etc")).mode & 0o7777).toBe(0o750);
    expect(readdirSync(join(root, "dev")).sort()).toEqual(["console", "null", "pts", "shm"]);
    expect(await Array.fromAsync(driver.changes(key))).toEqual([]);
  });

  test(`${name}: whiteouts and opaque directories hide lower layers only`, async () => {
    const chain = await apply(
      await apply(null, base),
      tarOf(
        { path: ".wh.gone", type: "file" },
        { path: "old/new", type: "file", data: "new" },
        { path: "old/.wh..wh..opq", type: "file" },
        { path: "old/later", type: "file", data: "later" },
        { path: "deep/.wh.er", type: "file" },
        { path: "deep/er/other", type: "file", data: "other" },
      ),
    );
    const { root } = await mounted(chain);
    expect(existsSync(join(root, "gone"))).toBe(false);
    expect(readdirSync(join(root, "old")).sort()).toEqual(["later", "new"]);
    expect(readdirSync(join(root, "deep/er"))).toEqual(["other"]);
    expect(lstatAt(AT_FDCWD, join(root, "deep"))).toMatchObject({ mode: 0o40711, uid: 42 });
  });

  test(`${name}: a writable layer keeps its files over a remount, and is gone after remove`, async () => {
    const { key, root } = await mounted(await apply(null, base));
    writeFileSync(join(root, "mine"), "mine");
    await driver.unmount(root);
    expect(existsSync(root)).toBe(false);
    await driver.mount(key, root);
    expect(driver.isMounted(root)).toBe(true);
    expect(readFileSync(join(root, "mine"), "utf8")).toBe("mine");
    expect((await driver.usage(key)).files).toBeGreaterThan(0);
    await driver.unmount(root);
    await driver.remove(key);
    expect(driver.hasKey(key)).toBe(false);
    await driver.remove(key);
    await expect(driver.mount(key, root)).rejects.toThrow("does not exist");
  });

  test(`${name}: changes() and diffTar() tell what was added, modified and deleted; applied again they give the same tree`, async () => {
    const parent = await apply(null, base);
    const { key, root } = await mounted(parent);
    writeFileSync(join(root, "added"), "added");
    writeFileSync(join(root, "old/a"), "changed");
    rmSync(join(root, "gone"));
    rmSync(join(root, "deep"), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x41])]), "bytes");
    const changes = await Array.fromAsync(driver.changes(key));
    expect(changes.map(({ path, kind }) => `${kind} ${path.toString("latin1")}`).sort()).toEqual([
      "0 /old/a",
      "1 /added",
      "1 /ÿA",
      "2 /deep",
      "2 /gone",
    ]);
    const diff = await bytesOf(driver.diffTar(key));
    // A driver may pack the unchanged directories that lead to a change, or leave them to be implied.
    const names = [...entriesOf(diff).keys()].filter((path) => path !== "old/").sort();
    expect(names).toEqual([".wh.deep", ".wh.gone", "added", "old/a", "ÿA"]);
    const again = await mounted(await apply(parent, diff));
    expect(readFileSync(join(again.root, "old/a"), "utf8")).toBe("changed");
    expect(existsSync(join(again.root, "deep"))).toBe(false);
    expect(readFileSync(join(again.root, "old/b"), "utf8")).toBe("b");
  });

  test(`${name}: treeTar() gives the merged tree`, async () => {
    const { root } = await mounted(await apply(null, base));
    const entries = entriesOf(await bytesOf(driver.treeTar(root)));
    expect(entries.get("bin/same")?.data.toString()).toBe("tool");
    expect(entries.get("bin/tool")?.entry).toMatchObject({ type: "hardlink", linkPath: Buffer.from("bin/same") });
    expect(entries.get("dev/null")?.entry).toMatchObject({ type: "char", devMajor: 1, devMinor: 3, mode: 0o666 });
    expect(entries.get("deep/er/file")?.data.toString()).toBe("deep");
  });

  test(`${name}: a layer whose bytes do not have its diff id never exists`, async () => {
    const tar = tarOf({ path: "x", type: "file", data: "x" });
    const wrong = { chainId: sha256("a"), parent: null, diffId: sha256("b") };
    await expect(driver.applyLayer(wrong, Readable.from([tar]), background())).rejects.toThrow("diff id");
    expect(driver.hasLayer(wrong.chainId)).toBe(false);
    expect(readdirSync(join(dir, "store", "tmp"))).toEqual([]);
  });

  test(`${name}: a layer is removed only when nothing stands on it`, async () => {
    const first = await apply(null, tarOf({ path: "one", type: "file", data: "1" }));
    const second = await apply(first, tarOf({ path: "two", type: "file", data: "2" }));
    await driver.prepare("standing", second);
    await expect(driver.removeLayer(second)).rejects.toThrow("in use");
    await expect(driver.removeLayer(first)).rejects.toThrow("in use");
    await driver.remove("standing");
    await driver.removeLayer(second);
    expect(driver.hasLayer(second)).toBe(false);
    await driver.removeLayer(first);
    await expect(driver.prepare("late", first)).rejects.toThrow("does not exist");
    expect(driver.hasKey("late")).toBe(false);
  });

  test(`${name}: many applications of one layer at once unpack it once and all succeed`, async () => {
    const tar = tarOf({ path: "shared", type: "file", data: "shared" });
    const file = join(dir, "shared.tar.gz");
    writeFileSync(file, gzipSync(tar));
    const chains = await Promise.all(Array.from({ length: 6 }, () => apply(null, tar, file)));
    expect(new Set(chains).size).toBe(1);
    expect(driver.hasLayer(chains[0] ?? "")).toBe(true);
  });

  test(`${name}: sweep() deletes half layers, half keys and trash, and nothing else`, async () => {
    const chain = await apply(null, base);
    const half = join(dir, "store/tmp", `${"a".repeat(64)}.123`);
    writeFileSync(join(dir, "store/trash/left"), "left");
    mkdirSync(join(half, "diff"), { recursive: true });
    mkdirSync(join(dir, "store/containers/half/diff"), { recursive: true });
    const keys = await driver.keys();
    await driver.sweep();
    expect(existsSync(half)).toBe(false);
    expect(readdirSync(join(dir, "store/trash"))).toEqual([]);
    expect(await driver.keys()).toEqual(keys);
    expect(driver.hasLayer(chain)).toBe(true);
    expect(existsSync(join(dir, "store/containers/half"))).toBe(false);
  });

  test(`${name}: chain ids and keys are checked before they become paths`, async () => {
    expect(() => driver.hasLayer("sha256:../../x")).toThrow("invalid chain id");
    await expect(driver.prepare("../x", null)).rejects.toThrow("invalid snapshot key");
    await expect(driver.mount("a/b", join(dir, "t"))).rejects.toThrow("invalid snapshot key");
  });

  test(`${name}: 127 layers mount`, async () => {
    let chain: string | null = null;
    for (let i = 0; i < 127; i++) chain = await applyFast(chain, i);
    const { root } = await mounted(chain);
    expect(readFileSync(join(root, "layer126"), "utf8")).toBe("126");
    expect(readFileSync(join(root, "layer0"), "utf8")).toBe("0");
  }, 60_000);

  const applyFast = (parent: string | null, i: number): Promise<string> =>
    apply(parent, tarOf({ path: `layer${i}`, type: "file", data: String(i) }));
}
