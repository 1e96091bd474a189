/** A tree packed with all that a tar can bear, and unpacked again. */
import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { background } from "../lib/operation.ts";
import { AT_FDCWD, close, O_PATH, openAt } from "../linux/file.ts";
import { fstat } from "../linux/stat.ts";
import { getxattr, listxattr, setxattr } from "../linux/xattr.ts";
import { createArchives } from "./archive.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-exact-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const archives = createArchives();

function withPath<T>(path: string, act: (fd: number) => T): T {
  const fd = openAt(AT_FDCWD, path, O_PATH);
  try {
    return act(fd);
  } finally {
    close(fd);
  }
}
const attributes = (path: string) =>
  withPath(path, (fd) =>
    Object.fromEntries(
      listxattr(fd)
        .sort()
        .map((name) => [name, getxattr(fd, name)?.toString("hex")]),
    ),
  );

/** An ACL (acl(5)) that gives user 5 all besides owner, group and others, as the kernel keeps it. */
function acl(): Buffer {
  const entries = [
    [1, 7, -1],
    [2, 7, 5],
    [4, 5, -1],
    [16, 7, -1],
    [32, 5, -1],
  ] as const;
  const bytes = Buffer.alloc(4 + 8 * entries.length);
  bytes.writeUInt32LE(2, 0);
  for (const [i, [tag, permissions, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + 8 * i);
    bytes.writeUInt16LE(permissions, 6 + 8 * i);
    bytes.writeInt32LE(id, 8 + 8 * i);
  }
  return bytes;
}

const size = 50 << 20;
function sparseFile(path: string): void {
  const fd = openSync(path, "w");
  writeSync(fd, "begin", 0);
  writeSync(fd, "middle", 20 << 20);
  ftruncateSync(fd, size);
  fsyncSync(fd);
  closeSync(fd);
}

test("attributes of every kind, inherited ACLs, holes and nanoseconds come back; another tar reads it, too", async () => {
  const from = join(dir, "from");
  mkdirSync(join(from, "acl"), { recursive: true });
  writeFileSync(join(from, "acl/child"), "plain");
  chmodSync(join(from, "acl/child"), 0o640);
  withPath(join(from, "acl"), (fd) => {
    setxattr(fd, "system.posix_acl_default", acl());
    setxattr(fd, "system.posix_acl_access", acl());
    setxattr(fd, "trusted.mine", Buffer.from([0, 255]));
  });
  sparseFile(join(from, "sparse"));
  writeFileSync(join(from, "f"), "x");
  withPath(join(from, "f"), (fd) => {
    setxattr(fd, "user.note", Buffer.from("a=b\n\0"));
    setxattr(fd, "user.a=b", Buffer.from("no pax record has room for this name"));
    setxattr(fd, "security.capability", Buffer.from("0100000200040000000000000000000000000000", "hex"));
    setxattr(fd, "trusted.overlay.opaque", Buffer.from("y"));
  });
  utimesSync(join(from, "f"), 1_600_000_000.25, 1_600_000_000.25);
  const { tar } = await archives.readArchive(from, "/", background(), { name: "./", exact: true });
  const bytes = Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Uint8Array>));
  expect(bytes.length).toBeLessThan(1 << 20);

  const to = join(dir, "to");
  mkdirSync(to);
  await archives.writeArchive(to, "/", Readable.from([bytes]), {}, background());
  expect(attributes(join(to, "acl"))).toEqual(attributes(join(from, "acl")));
  expect(attributes(join(to, "acl/child"))).toEqual({});
  expect(statSync(join(to, "acl/child")).mode & 0o777).toBe(0o640);
  const { "user.a=b": _, "trusted.overlay.opaque": __, ...kept } = attributes(join(from, "f"));
  expect(attributes(join(to, "f"))).toEqual(kept);
  const time = (path: string) => withPath(path, (fd) => fstat(fd).mtime);
  for (const name of ["f", "sparse", "acl"]) expect(time(join(to, name)), name).toEqual(time(join(from, name)));
  expect(readFileSync(join(to, "sparse")).equals(readFileSync(join(from, "sparse")))).toBe(true);
  expect(statSync(join(to, "sparse")).blocks).toBe(statSync(join(from, "sparse")).blocks);

  const theirs = join(dir, "theirs");
  mkdirSync(theirs);
  writeFileSync(join(dir, "x.tar"), bytes);
  expect(Bun.spawnSync(["tar", "-xf", join(dir, "x.tar"), "-C", theirs]).stderr.toString()).toBe("");
  expect(readFileSync(join(theirs, "sparse")).equals(readFileSync(join(from, "sparse")))).toBe(true);
  expect(statSync(join(theirs, "sparse")).size).toBe(size);
});

test("a file of nothing but a hole, and one without a hole", async () => {
  const from = join(dir, "from2");
  mkdirSync(from);
  closeSync(openSync(join(from, "empty"), "w"));
  const fd = openSync(join(from, "hole"), "w");
  ftruncateSync(fd, size);
  closeSync(fd);
  writeFileSync(join(from, "full"), Buffer.alloc(300_000, 7));
  const { tar } = await archives.readArchive(from, "/", background(), { name: "./", exact: true });
  const to = join(dir, "to2");
  mkdirSync(to);
  await archives.writeArchive(to, "/", tar, {}, background());
  expect(statSync(join(to, "hole"))).toMatchObject({ size, blocks: 0 });
  expect(statSync(join(to, "empty")).size).toBe(0);
  expect(readFileSync(join(to, "full")).equals(Buffer.alloc(300_000, 7))).toBe(true);
});
