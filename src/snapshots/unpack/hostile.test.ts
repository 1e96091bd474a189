import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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
import { listxattr } from "../../linux/xattr.ts";
import { createArchives } from "../archive.ts";
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
    test(`keeps ${hostile.name} inside the layer (A ${hostile.row})`, async () => {
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
    test(`keeps ${hostile.name} inside the container (B 39)`, async () => {
      using canary = setCanary();
      const root = mkdtempSync(join(dir, "root-"));
      mkdirSync(join(root, "base"));
      const write = () => archives.writeArchive(root, "/base", Readable.from(hostile.bytes(canary)), {}, background());
      if (await outcome(hostile, canary, write)) checkInside(hostile, join(root, "base"));
    });
  }
});

test("applyLayer() strips overlayfs's attributes from an archive (A 12)", async () => {
  const tar = tarOf({
    path: "d",
    type: "directory",
    xattrs: new Map([
      ["trusted.overlay.redirect", Buffer.from("/etc")],
      ["user.kept", Buffer.from("kept")],
    ]),
  });
  await driver.applyLayer(
    { chainId: sha256(tar), parent: null, diffId: sha256(tar) },
    Readable.from([tar]),
    background(),
  );
  const fd = openAt(AT_FDCWD, join(dir, "store/layers", sha256(tar).slice(7), "diff/d"), O_DIRECTORY);
  expect(listxattr(fd)).toEqual(["user.kept"]);
  close(fd);
});

test("a link planted by one layer is not followed by the next (A 3)", async () => {
  using canary = setCanary();
  const first = tarOf({ path: "d", type: "symlink", linkPath: canary.dir });
  const second = tarOf({ path: "d/secret", type: "file", data: "hostile" });
  const chain = sha256(Buffer.from(`${sha256(first)} ${sha256(second)}`));
  await driver.applyLayer(
    { chainId: sha256(first), parent: null, diffId: sha256(first) },
    Readable.from([first]),
    background(),
  );
  await driver.applyLayer(
    { chainId: chain, parent: sha256(first), diffId: sha256(second) },
    Readable.from([second]),
    background(),
  );
  expect(canary.changes()).toEqual([]);
});

test("one flipped bit anywhere in a layer keeps it from existing (A 17)", async () => {
  const tar = tarOf({ path: "f", type: "file", data: "x".repeat(5000) }, { path: "g", type: "file", data: "y" });
  const diffId = sha256(tar);
  for (const at of [0, Math.floor(tar.length / 2), 3000, tar.length - 1]) {
    const flipped = Buffer.from(tar);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    await expect(
      driver.applyLayer({ chainId: diffId, parent: null, diffId }, Readable.from([flipped]), background()),
    ).rejects.toThrow();
    expect(driver.hasLayer(diffId)).toBe(false);
  }
});

test("a bomb stops at the byte budget and leaves nothing (A 13)", async () => {
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

test("too many entries stop at the inode budget (A 16)", async () => {
  const tar = tarOf(...Array.from({ length: 200 }, (_, i) => ({ path: `f${i}`, type: "file" as const })));
  const request = { chainId: sha256(tar), parent: null, diffId: sha256(tar), budget: { inodes: 100 } };
  await expect(driver.applyLayer(request, Readable.from([tar]), background())).rejects.toThrow("more files");
});

test("a directory swapped for a link to the host while an archive is written into it leads nowhere (A 10, B 39)", async () => {
  using canary = setCanary();
  const root = mkdtempSync(join(dir, "race-"));
  mkdirSync(join(root, "d"));
  const swapper = Bun.spawn([
    process.execPath,
    "-e",
    `const fs = require("node:fs"); const r = ${JSON.stringify(root)};
     for (const end = Date.now() + 4000; Date.now() < end; ) {
       try { fs.renameSync(r + "/d", r + "/real"); fs.symlinkSync(${JSON.stringify(canary.dir)}, r + "/d"); } catch {}
       try { fs.unlinkSync(r + "/d"); fs.renameSync(r + "/real", r + "/d"); } catch {}
     }`,
  ]);
  const tar = tarOf(
    ...Array.from({ length: 2000 }, (_, i) => ({
      path: i % 2 ? "secret" : `folder/n${i}`,
      type: "file" as const,
      data: "hostile",
    })),
  );
  let written = 0;
  while (swapper.exitCode === null) {
    const write = archives.writeArchive(root, "/d", Readable.from([tar]), {}, background());
    const read = archives.readArchive(root, "/d/secret", background()).then(async ({ tar: out }) => {
      const bytes = Buffer.concat(await Array.fromAsync(out as AsyncIterable<Buffer>));
      expect(bytes.includes(canary.secretText)).toBe(false);
    });
    const results = await Promise.allSettled([write, read]);
    if (results[0].status === "fulfilled") written++;
    expect(results[1].status === "rejected" && String(results[1].reason).includes("toBe(false)")).toBe(false);
    await Promise.race([swapper.exited, Bun.sleep(0)]);
  }
  expect(canary.changes()).toEqual([]);
  expect(statSync(canary.secret).size).toBe(canary.secretText.length);
  expect(written).toBeGreaterThan(0);
}, 30_000);

test("copyUp() reads only the image, whatever links the path holds (A 30)", async () => {
  using canary = setCanary();
  const root = mkdtempSync(join(dir, "image-"));
  symlinkSync(canary.dir, join(root, "vol"));
  const volume = mkdtempSync(join(dir, "volume-"));
  for (const path of ["/vol", `/../..${canary.dir}`, "/vol/folder"]) {
    await archives.copyUp(root, path, volume, background());
    expect(readdirSync(volume)).toEqual([]);
  }
});
