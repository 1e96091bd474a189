/** Archives made to hurt, unpacked as layers and into containers: hardening, section A. Races and odd places have files of their own. */
import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { setCanary } from "../../../test/canary.ts";
import { type HostileArchive, hostileArchives } from "../../../test/fixtures/hostile-archives.ts";
import { tarOf } from "../../../test/fixtures/tar-builder.ts";
import { isKind } from "../../lib/errors.ts";
import { background } from "../../lib/operation.ts";
import { AT_FDCWD, close, O_DIRECTORY, openAt } from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, tryOpenAt2 } from "../../linux/openat2.ts";
import { getxattr, listxattr } from "../../linux/xattr.ts";
import { createArchives } from "../archive.ts";
import { NativeSnapshotter } from "../native.ts";
import { OverlaySnapshotter } from "../overlay.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-hostile-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }), 60_000);
const driver = new OverlaySnapshotter(join(dir, "store"));
const archives = createArchives();
const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Runs `unpack`, and checks its outcome and the canaries. Answers whether the archive was accepted. */
async function outcome(hostile: HostileArchive, canary: ReturnType<typeof setCanary>, unpack: () => Promise<unknown>) {
  let error: unknown = null;
  await unpack().catch((thrown: unknown) => {
    error = thrown;
  });
  expect(canary.changes()).toEqual([]);
  if (error !== null && !isKind(error, "invalidArgument", "resourceExhausted")) throw error;
  if (hostile.expect === "refused") expect(error).not.toBeNull();
  if (hostile.expect === "contained" && error !== null) throw error;
  return error === null;
}

function checkInside(hostile: HostileArchive, root: string): void {
  for (const [path, text] of Object.entries(hostile.inside ?? {})) {
    expect(readFileSync(join(root, path), "utf8")).toBe(text);
  }
}

describe("applyLayer()", () => {
  for (const hostile of hostileArchives) {
    test(`hardening ${hostile.row}: applyLayer() keeps ${hostile.name} inside the layer`, async () => {
      using canary = setCanary();
      const tar = Buffer.concat([...hostile.bytes(canary)]);
      const diffId = sha256(tar);
      const apply = () =>
        driver.applyLayer({ chainId: diffId, parent: null, diffId }, Readable.from([tar]), background());
      const accepted = await outcome(hostile, canary, apply);
      expect(driver.hasLayer(diffId)).toBe(accepted);
      expect(readdirSync(join(dir, "store/tmp"))).toEqual([]);
      if (!accepted) return;
      checkInside(hostile, join(dir, "store/layers", diffId.slice(7), "diff"));
      // A check of the layer agrees with what was made of the archive.
      const archive = join(dir, "archive.tar");
      writeFileSync(archive, tar);
      expect(await driver.care.compare(diffId, archive, background())).toMatchObject({ told: [] });
    });
  }
});

describe("writeArchive()", () => {
  for (const hostile of hostileArchives.filter((one) => !one.layersOnly)) {
    test(`hardening ${hostile.row}: writeArchive() keeps ${hostile.name} inside the container`, async () => {
      using canary = setCanary();
      const root = mkdtempSync(join(dir, "root-"));
      mkdirSync(join(root, "base"));
      const write = () => archives.writeArchive(root, "/base", Readable.from(hostile.bytes(canary)), {}, background());
      if (await outcome(hostile, canary, write)) checkInside(hostile, join(root, "base"));
    });
  }
});

const apply = async (parent: string | null, tar: Buffer, budget: { bytes?: number; inodes?: number } = {}) => {
  const diffId = sha256(tar);
  const chainId = parent === null ? diffId : sha256(Buffer.from(`${parent} ${diffId}`));
  await driver.applyLayer({ chainId, parent, diffId, budget }, Readable.from([tar]), background());
  return { chainId, diff: join(dir, "store/layers", chainId.slice(7), "diff") };
};

test("hardening 12: applyLayer() keeps setuid bits and capabilities, and strips overlayfs's attributes", async () => {
  // cap_net_raw=ep as the kernel writes it, version 2 (capabilities(7)).
  const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
  const xattrs = new Map([
    ["trusted.overlay.redirect", Buffer.from("/etc")],
    ["trusted.overlay.metacopy", Buffer.alloc(0)],
    ["user.overlay.opaque", Buffer.from("y")],
    ["user.kept", Buffer.from("kept")],
  ]);
  const { diff } = await apply(
    null,
    tarOf(
      { path: "d", type: "directory", mode: 0o3775, uid: 7, gid: 8, xattrs },
      { path: "f", type: "file", mode: 0o6755, uid: 7, gid: 8, data: "x", xattrs },
      { path: "ping", type: "file", mode: 0o755, data: "x", xattrs: new Map([["security.capability", capability]]) },
    ),
  );
  for (const name of ["d", "f"]) {
    const fd = openAt(AT_FDCWD, join(diff, name), 0);
    expect(listxattr(fd)).toEqual(["user.kept"]);
    close(fd);
  }
  expect([statSync(join(diff, "d")), statSync(join(diff, "f"))].map(({ mode }) => mode & 0o7777)).toEqual([
    0o3775, 0o6755,
  ]);
  const fd = openAt(AT_FDCWD, join(diff, "ping"), 0);
  expect(getxattr(fd, "security.capability")).toEqual(capability);
  close(fd);
});

test.each([
  ["overlay2", driver],
  ["vfs", new NativeSnapshotter(join(dir, "vfs"))],
] as const)(
  "hardening 3, 8: links of the first layer lead the second and third of %s nowhere",
  async (_name, store) => {
    using canary = setCanary();
    const up = `${"../".repeat(12)}${canary.dir.slice(1)}`;
    let parent: string | null = null;
    for (const tar of [
      tarOf({ path: "a", type: "symlink", linkPath: canary.dir }, { path: "r", type: "symlink", linkPath: up }),
      tarOf({ path: "a/secret", type: "file", data: "two" }, { path: "r/.wh.secret", type: "file" }),
      tarOf(
        { path: "a/folder/passwd", type: "file", data: "three" },
        { path: "r/folder/.wh..wh..opq", type: "file" },
        { path: "r/new", type: "file", data: "three" },
      ),
    ]) {
      const diffId = sha256(tar);
      const chainId: string = parent === null ? diffId : sha256(Buffer.from(`${parent} ${diffId}`));
      await store.applyLayer({ chainId, parent, diffId }, Readable.from([tar]), background());
      parent = chainId;
    }
    const root = join(dir, `planted-${store.name}`);
    await store.prepare("planted", parent);
    await store.mount("planted", root);
    try {
      const fd = openAt(AT_FDCWD, root, O_DIRECTORY);
      for (const path of ["a/secret", "a/folder/passwd", "r/new"]) {
        const file = tryOpenAt2(fd, path, 0, RESOLVE_IN_ROOT);
        expect(["two", "three"]).toContain(readFileSync(file, "utf8"));
        close(file);
      }
      close(fd);
    } finally {
      await store.unmount(root);
    }
    expect(canary.changes()).toEqual([]);
  },
);

test("hardening 17: one flipped bit at the start, in the middle or at the end of a layer keeps it from existing", async () => {
  const tar = tarOf({ path: "f", type: "file", data: "x".repeat(5000) }, { path: "g", type: "file", data: "y" });
  const diffId = sha256(tar);
  for (const at of [0, Math.floor(tar.length / 2), 3000, tar.length - 1]) {
    const flipped = Buffer.from(tar);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    await expect(
      driver.applyLayer({ chainId: diffId, parent: null, diffId }, Readable.from([flipped]), background()),
    ).rejects.toThrow();
    expect(driver.hasLayer(diffId)).toBe(false);
    expect(readdirSync(join(dir, "store/tmp"))).toEqual([]);
  }
});

test("hardening 13: a bomb stops at the byte budget and leaves nothing", async () => {
  const zeros = tarOf({ path: "zeros", type: "file", data: Buffer.alloc(64 * 2 ** 20) });
  const diffId = sha256(zeros);
  for (const bomb of [gzipSync(zeros), zstdCompressSync(zeros)]) {
    const request = { chainId: diffId, parent: null, diffId, budget: { bytes: 2 ** 20 } };
    await expect(driver.applyLayer(request, Readable.from([bomb]), background())).rejects.toThrow(
      "larger than the space",
    );
    expect(driver.hasLayer(diffId)).toBe(false);
  }
  expect(readdirSync(join(dir, "store/tmp"))).toEqual([]);
});

test("hardening 16: too many entries stop at the inode budget", async () => {
  const tar = tarOf(...Array.from({ length: 200 }, (_, i) => ({ path: `f${i}`, type: "file" as const })));
  await expect(apply(null, tar, { inodes: 100 })).rejects.toThrow("more files");
  expect(readdirSync(join(dir, "store/tmp"))).toEqual([]);
});
