import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tarOf } from "../../../test/fixtures/tar-builder.ts";
import { background } from "../../lib/operation.ts";
import { AT_FDCWD, close, mknodAt, O_DIRECTORY, O_RDONLY, openAt } from "../../linux/file.ts";
import { S_IFCHR } from "../../linux/stat.ts";
import { fsetxattr, removexattr } from "../../linux/xattr.ts";
import { OverlaySnapshotter } from "../overlay.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-compare-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }), 60_000);

/** cap_net_raw, as `setcap` writes it (capabilities(7), VFS_CAP_REVISION_2). */
const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
const mtime = { sec: 1_000_000_000, nsec: 0 };
const tar = tarOf(
  { path: "./", type: "directory", mode: 0o755, mtime },
  { path: "d/", type: "directory", mode: 0o750, uid: 3, gid: 4, mtime },
  { path: "d/.wh..wh..opq", type: "file" },
  { path: "d/.wh.gone", type: "file" },
  { path: "d/file", type: "file", data: "0123456789", mtime },
  { path: "d/same", type: "hardlink", linkPath: "d/file" },
  { path: "ping", type: "file", mode: 0o755, data: "p", mtime, xattrs: new Map([["security.capability", capability]]) },
  { path: "link", type: "symlink", linkPath: "d/file", mtime },
  { path: "null", type: "char", mode: 0o666, devMajor: 1, devMinor: 3, mtime },
  { path: "link2", type: "symlink", linkPath: "d", mtime },
  { path: "link2/through", type: "file", data: "t", mtime },
);
const archive = join(dir, "layer.tar");
writeFileSync(archive, tar);
const diffId = `sha256:${createHash("sha256").update(tar).digest("hex")}`;
let number = 0;

/** A fresh store with the layer unpacked. */
async function unpacked() {
  const driver = new OverlaySnapshotter(join(dir, `store${++number}`));
  await driver.applyLayer({ chainId: diffId, parent: null, diffId }, archive, background());
  const [diff = ""] = driver.care.directories(diffId);
  return { diff, compare: () => driver.care.compare(diffId, archive, background()) };
}

/** Does something in a directory and leaves its time as it was. */
function inDirectory(path: string, act: () => void): void {
  act();
  utimesSync(path, mtime.sec, mtime.sec);
}

function withAttributes(path: string, act: (fd: number) => void): void {
  const fd = openAt(AT_FDCWD, path, O_RDONLY);
  act(fd);
  close(fd);
}

const damages: Readonly<Record<string, readonly [damage: (diff: string) => void, found: readonly string[]]>> = {
  "no damage": [() => {}, []],
  "another owner": [(d) => chownSync(join(d, "d"), 9, 4), ["/d: its owner is 9:4 instead of 3:4"]],
  "another mode of the root": [(d) => chmodSync(d, 0o777), ["/: its mode is 0777 instead of 0755"]],
  "a shorter file": [
    (d) => {
      truncateSync(join(d, "d/file"), 3);
      utimesSync(join(d, "d/file"), mtime.sec, mtime.sec);
    },
    ["/d/file: its data ends after 3 bytes, its size is 3 instead of 10"],
  ],
  "a longer file": [
    (d) => {
      writeFileSync(join(d, "ping"), "p+", { flag: "r+" });
      utimesSync(join(d, "ping"), mtime.sec, mtime.sec);
      withAttributes(join(d, "ping"), (fd) => fsetxattr(fd, "security.capability", capability));
    },
    ["/ping: its size is 2 instead of 1"],
  ],
  "another time": [(d) => utimesSync(join(d, "ping"), 5, 5), ["/ping: its modification time differs"]],
  "capabilities taken away": [
    (d) => withAttributes(join(d, "ping"), (fd) => removexattr(fd, "security.capability")),
    ["/ping: its capabilities differ"],
  ],
  "capabilities given": [
    (d) => withAttributes(join(d, "d/file"), (fd) => fsetxattr(fd, "security.capability", capability)),
    ["/d/file: its capabilities differ"],
  ],
  "a hard link that is none": [
    (d) =>
      inDirectory(join(d, "d"), () => {
        copyFileSync(join(d, "d/file"), join(d, "copy"));
        utimesSync(join(d, "copy"), mtime.sec, mtime.sec);
        renameSync(join(d, "copy"), join(d, "d/same"));
        utimesSync(d, mtime.sec, mtime.sec);
      }),
    ["it is no hard link of its other names"],
  ],
  "a link that leads elsewhere": [
    (d) =>
      inDirectory(d, () => {
        unlinkSync(join(d, "link"));
        symlinkSync("/etc/passwd", join(d, "link"));
      }),
    ["/link: it leads elsewhere, its modification time differs"],
  ],
  "a device in the place of a file": [
    (d) =>
      inDirectory(d, () => {
        unlinkSync(join(d, "ping"));
        mknodAt(AT_FDCWD, join(d, "ping"), S_IFCHR | 0o666, 0x103);
      }),
    ["/ping: it is a char instead of a file"],
  ],
  "another device": [
    (d) =>
      inDirectory(d, () => {
        unlinkSync(join(d, "null"));
        mknodAt(AT_FDCWD, join(d, "null"), S_IFCHR | 0o666, 0x105);
        chmodSync(join(d, "null"), 0o666);
        utimesSync(join(d, "null"), mtime.sec, mtime.sec);
      }),
    ["/null: its device is 1:5 instead of 1:3"],
  ],
  "a whiteout taken away": [
    (d) => inDirectory(join(d, "d"), () => unlinkSync(join(d, "d/gone"))),
    ["/d/gone: it is missing"],
  ],
  "a whiteout added": [
    (d) => inDirectory(d, () => mknodAt(AT_FDCWD, join(d, "hidden"), S_IFCHR, 0)),
    ["/hidden: the layer has no such whiteout"],
  ],
  "an opaque directory that hides nothing": [
    (d) => {
      const fd = openAt(AT_FDCWD, join(d, "d"), O_DIRECTORY);
      removexattr(fd, "trusted.overlay.opaque");
      close(fd);
    },
    ["/d: it no longer hides what is below it"],
  ],
  "a directory too many, with all in it": [
    (d) =>
      inDirectory(d, () => {
        mkdirSync(join(d, "more"));
        writeFileSync(join(d, "more/file"), "");
      }),
    ["/more: the layer has no such directory"],
  ],
  "a directory that is gone, with all in it": [
    (d) => inDirectory(d, () => rmSync(join(d, "d"), { recursive: true })),
    ["/d: it is missing"],
  ],
  "a file that a link leads through to": [
    (d) => inDirectory(join(d, "d"), () => unlinkSync(join(d, "d/through"))),
    ["/d/through: it is missing"],
  ],
};

test.each(Object.entries(damages))("compare() finds %s", async (_what, [damage, found]) => {
  const { diff, compare } = await unpacked();
  damage(diff);
  const { told, differences } = await compare();
  expect(differences).toBe(found.length);
  const texts = told.map(({ path, problem }) => `${path}: ${problem}`);
  for (const text of found) expect(texts.some((one) => one.endsWith(text))).toBe(true);
});

test("compare() counts all differences and tells the first of them", async () => {
  const { diff, compare } = await unpacked();
  inDirectory(diff, () => {
    for (let i = 0; i < 200; i++) writeFileSync(join(diff, `extra${i}`), "");
  });
  const { told, differences } = await compare();
  expect([told.length, differences]).toEqual([50, 200]);
});
