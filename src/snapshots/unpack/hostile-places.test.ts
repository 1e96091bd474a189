/** Hardening, section A: trees with mounts, devices, sockets and links in them, unpacked into, packed and copied. */
import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setCanary } from "../../../test/canary.ts";
import { entriesOf, tarOf } from "../../../test/fixtures/tar-builder.ts";
import { background } from "../../lib/operation.ts";
import { AT_FDCWD, mknodAt } from "../../linux/file.ts";
import { mount, unmount } from "../../linux/mount.ts";
import { lstatAt, S_IFIFO } from "../../linux/stat.ts";
import { createArchives } from "../archive.ts";
import { OverlaySnapshotter } from "../overlay.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-places-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }), 60_000);
const archives = createArchives();
const newRoot = (): string => mkdtempSync(join(dir, "root-"));

test("hardening 5: a hard link across file systems is refused, never replaced by a copy", async () => {
  const root = newRoot();
  mkdirSync(join(root, "other"));
  mount("tmpfs", join(root, "other"), "tmpfs", 0, "size=64k");
  try {
    writeFileSync(join(root, "other/secret"), "of another file system");
    const tar = tarOf({ path: "before", type: "file" }, { path: "h", type: "hardlink", linkPath: "other/secret" });
    const write = archives.writeArchive(root, "/", Readable.from([tar]), {}, background());
    await expect(write).rejects.toThrow('cannot extract "h": link: EXDEV');
    expect(readdirSync(root).sort()).toEqual(["before", "other"]);
    expect(lstatSync(join(root, "other/secret")).nlink).toBe(1);
  } finally {
    unmount(join(root, "other"));
  }
});

test("hardening 11: devices keep their numbers and are never opened, neither unpacked, packed nor copied", async () => {
  // A tape and a loop device that nobody has: opening either would fail, and opening a FIFO would wait for ever.
  const nodes = tarOf(
    { path: "tape", type: "char", mode: 0o620, uid: 3, gid: 4, devMajor: 9, devMinor: 77 },
    { path: "loop", type: "block", mode: 0o660, devMajor: 7, devMinor: 4094 },
    { path: "pipe", type: "fifo", mode: 0o600 },
    { path: "again", type: "hardlink", linkPath: "tape" },
  );
  const diffId = `sha256:${createHash("sha256").update(nodes).digest("hex")}`;
  const driver = new OverlaySnapshotter(join(dir, "store"));
  await driver.applyLayer({ chainId: diffId, parent: null, diffId }, Readable.from([nodes]), background());
  const diff = join(dir, "store/layers", diffId.slice(7), "diff");
  const root = newRoot();
  await archives.writeArchive(root, "/", Readable.from([nodes]), {}, background());
  const copy = newRoot();
  await archives.copyUp(root, "/", copy, background());
  for (const place of [diff, root, copy]) {
    expect(lstatAt(AT_FDCWD, join(place, "tape"))).toMatchObject({
      mode: 0o20620,
      rdevMajor: 9,
      rdevMinor: 77,
      uid: 3,
    });
    expect(lstatAt(AT_FDCWD, join(place, "loop"))).toMatchObject({ mode: 0o60660, rdevMajor: 7, rdevMinor: 4094 });
    expect(lstatSync(join(place, "pipe")).isFIFO()).toBe(true);
  }
  const { tar } = await archives.readArchive(root, "/.", background());
  const packed = entriesOf(Buffer.concat(await tar.toArray()));
  expect([...packed.values()].map(({ entry }) => entry.type).sort()).toEqual([
    "block",
    "char",
    "directory",
    "fifo",
    "hardlink",
  ]);
});

test("hardening 11: a socket is left out of what is packed, and is no place to unpack to", async () => {
  const root = newRoot();
  writeFileSync(join(root, "file"), "file");
  const server = createServer();
  await new Promise<void>((ready) => server.listen(join(root, "socket"), ready));
  try {
    const { tar } = await archives.readArchive(root, "/.", background());
    expect([...entriesOf(Buffer.concat(await tar.toArray())).keys()].sort()).toEqual(["/", "/file"]);
    const into = archives.writeArchive(root, "/socket", Readable.from([tarOf()]), {}, background());
    await expect(into).rejects.toThrow("not a directory");
    const tarOver = tarOf({ path: "socket", type: "file", data: "over" });
    await archives.writeArchive(root, "/", Readable.from([tarOver]), {}, background());
    expect(readFileSync(join(root, "socket"), "utf8")).toBe("over");
  } finally {
    server.close();
  }
});

test("hardening 11, 42: a FIFO in the way of a path is refused and not waited for", async () => {
  const root = newRoot();
  mknodAt(AT_FDCWD, Buffer.from(join(root, "pipe")), S_IFIFO | 0o600, 0);
  for (const path of ["/pipe", "/pipe/below"]) {
    const into = archives.writeArchive(root, path, Readable.from([tarOf()]), {}, background());
    await expect(into).rejects.toThrow(/not a directory|no such file/);
  }
  await expect(
    archives.writeArchive(root, "/", Readable.from([tarOf({ path: "pipe/x", type: "file" })]), {}, background()),
  ).rejects.toThrow("invalid path in archive");
});

test("hardening 30: copyUp() reads only the image, whatever links the path holds", async () => {
  using canary = setCanary();
  const root = newRoot();
  symlinkSync(canary.dir, join(root, "vol"));
  symlinkSync("../../../../../../../../../../..", join(root, "up"));
  const volume = newRoot();
  for (const path of ["/vol", `/../..${canary.dir}`, "/vol/folder", `/up${canary.dir}`]) {
    await archives.copyUp(root, path, volume, background());
    expect(readdirSync(volume)).toEqual([]);
  }
});
