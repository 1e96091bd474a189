import { afterAll, expect, test } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { entriesOf, tarOf } from "../../test/fixtures/tar-builder.ts";
import { background } from "../lib/operation.ts";
import { createArchives } from "./archive.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-archive-"));
const root = join(dir, "root");
mkdirSync(join(root, "etc/sub"), { recursive: true });
writeFileSync(join(root, "etc/hosts"), "hosts");
writeFileSync(join(root, "etc/sub/file"), "file");
chownSync(join(root, "etc/sub/file"), 11, 12);
writeFileSync(join(dir, "secret"), "secret");
symlinkSync(join(dir, "secret"), join(root, "out"));
symlinkSync("/etc", join(root, "dir"));
execFileSync("mkfifo", [join(root, "fifo")]);
const archives = createArchives();
afterAll(() => rmSync(dir, { recursive: true, force: true }), 60_000);

async function read(path: string) {
  const { stat, tar } = await archives.readArchive(root, path, background());
  return { stat, entries: entriesOf(Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>))) };
}

test("statPath() tells a file, a directory and a link in Go's terms", async () => {
  expect(await archives.statPath(root, "/etc/hosts", background())).toMatchObject({
    name: "hosts",
    size: 5,
    mode: 0o644,
  });
  expect((await archives.statPath(root, "etc", background())).mode).toBe(2 ** 31 + 0o755);
  expect(await archives.statPath(root, "/dir", background())).toMatchObject({
    name: "dir",
    linkTarget: "/etc",
    mode: 2 ** 27 + 0o777,
  });
  expect(await archives.statPath(root, "/", background())).toMatchObject({ name: "/" });
  await expect(archives.statPath(root, "/nope", background())).rejects.toThrow("no such file or directory: /nope");
});

test("readArchive() packs a directory under its own name, and what a link leads to when the path ends in a dot", async () => {
  const { entries } = await read("/etc");
  expect([...entries.keys()]).toEqual(["etc/", "etc/hosts", "etc/sub/", "etc/sub/file"]);
  expect(entries.get("etc/sub/file")?.entry).toMatchObject({ uid: 11, gid: 12 });
  expect([...(await read("/dir/.")).entries.keys()]).toEqual(["./", "./hosts", "./sub/", "./sub/file"]);
});

test("readArchive() copies a link to the host as a link and a FIFO without opening it", async () => {
  const link = (await read("/out")).entries.get("out");
  expect(link?.entry.type).toBe("symlink");
  expect(link?.data.length).toBe(0);
  expect((await read("/fifo")).entries.get("fifo")?.entry.type).toBe("fifo");
  await expect(archives.statPath(root, "/out/x", background())).rejects.toThrow("no such file");
  await expect(archives.statPath(root, "/../../../../../../../etc/shadow", background())).rejects.toThrow(
    "no such file",
  );
});

test("writeArchive() unpacks plain and compressed tars through links inside the root", async () => {
  for (const program of [null, "gzip", "xz", "bzip2"]) {
    const tar = tarOf({ path: `from-${program}`, type: "file", data: "new", uid: 3, gid: 4 });
    const packed = program === null ? tar : spawnSync(program, ["-c"], { input: tar }).stdout;
    await archives.writeArchive(root, "/dir", Readable.from([packed]), {}, background());
    expect(readFileSync(join(root, `etc/from-${program}`), "utf8")).toBe("new");
    expect(lstatSync(join(root, `etc/from-${program}`))).toMatchObject({ uid: 3, gid: 4 });
  }
});

test("writeArchive() runs no program of the root and follows no link out of it", async () => {
  for (const name of ["xz", "bzip2", "gzip", "tar"]) {
    mkdirSync(join(root, "usr/bin"), { recursive: true });
    writeFileSync(join(root, "usr/bin", name), `#!/bin/sh\ntouch ${join(dir, "executed")}\n`, { mode: 0o755 });
  }
  const tar = tarOf({ path: "out", type: "file", data: "overwritten" });
  const packed = spawnSync("xz", ["-c"], { input: tar }).stdout;
  await archives.writeArchive(root, "/", Readable.from([packed]), {}, background());
  expect(existsSync(join(dir, "executed"))).toBe(false);
  expect(readFileSync(join(dir, "secret"), "utf8")).toBe("secret");
  expect(lstatSync(join(root, "out")).isFile()).toBe(true);
});

test("writeArchive() keeps to its options and refuses a target that is no directory", async () => {
  const over = tarOf({ path: "sub", type: "file", data: "x" });
  const write = (path: string, tar: Buffer, options = {}) =>
    archives.writeArchive(root, path, Readable.from([tar]), options, background());
  await expect(write("/etc", over, { noOverwriteDirNonDir: true })).rejects.toThrow("cannot overwrite directory");
  await expect(write("/etc/hosts", over)).rejects.toThrow("extraction point is not a directory");
  await expect(write("/nope", over)).rejects.toThrow("no such file or directory");
  await write("/etc", tarOf({ path: ".wh.name", type: "file", data: "kept" }), { owner: { uid: 9, gid: 9 } });
  expect(lstatSync(join(root, "etc/.wh.name"))).toMatchObject({ uid: 9, gid: 9 });
});

test("copyUp() copies what is inside a directory with its own metadata, and nothing where there is none", async () => {
  const volume = join(dir, "volume");
  mkdirSync(volume);
  chownSync(join(root, "etc"), 21, 22);
  await archives.copyUp(root, "/dir", volume, background());
  expect(readFileSync(join(volume, "sub/file"), "utf8")).toBe("file");
  expect(lstatSync(join(volume, "sub/file"))).toMatchObject({ uid: 11, gid: 12 });
  expect(lstatSync(volume)).toMatchObject({ uid: 21, gid: 22 });
  await archives.copyUp(root, "/nope", volume, background());
});

test("copyUp() over what an earlier one left half done comes to the same", async () => {
  const volume = join(dir, "half");
  mkdirSync(join(volume, "sub"), { recursive: true });
  writeFileSync(join(volume, "sub/file"), "fi");
  writeFileSync(join(volume, "hosts"), "");
  await archives.copyUp(root, "/etc", volume, background());
  expect(readFileSync(join(volume, "sub/file"), "utf8")).toBe("file");
  expect(readFileSync(join(volume, "hosts"), "utf8")).toBe("hosts");
});
