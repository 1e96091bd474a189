import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AT_FDCWD, close, mknodAt, O_RDONLY, openAt } from "../linux/file.ts";
import { getxattr, setxattr } from "../linux/xattr.ts";
import { cloneTree } from "./clone-tree.ts";

const base = mkdtempSync(join(tmpdir(), "dhow-clone-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

test("cloneTree() keeps what makes a tree what it is, and follows no link", () => {
  const from = join(base, "from");
  const to = join(base, "to");
  mkdirSync(join(from, "deep/er"), { recursive: true });
  mkdirSync(to);
  const secret = join(base, "secret");
  writeFileSync(secret, "host");
  writeFileSync(join(from, "deep/a"), "hello");
  chmodSync(join(from, "deep/a"), 0o4755);
  chownSync(join(from, "deep/a"), 1234, 4321);
  chmodSync(join(from, "deep/a"), 0o4755);
  linkSync(join(from, "deep/a"), join(from, "deep/er/b"));
  symlinkSync(secret, join(from, "link"));
  writeFileSync(join(from, "sparse"), "x");
  truncateSync(join(from, "sparse"), 64 << 20);
  mknodAt(AT_FDCWD, join(from, "fifo"), 0o010640, 0);
  mknodAt(AT_FDCWD, join(from, "sock"), 0o140755, 0);
  const fd = openAt(AT_FDCWD, join(from, "deep"), O_RDONLY);
  setxattr(fd, "user.note", Buffer.from("kept"));
  setxattr(fd, "trusted.note", Buffer.from("also"));
  close(fd);
  chmodSync(join(from, "deep"), 0o1777);
  utimesSync(join(from, "deep"), 1e9, 1e9);
  chownSync(from, 7, 8);

  const { shared, copied } = cloneTree(from, to);
  expect(shared + copied).toBe(2);
  const a = lstatSync(join(to, "deep/a"));
  expect([a.mode & 0o7777, a.uid, a.gid, a.nlink]).toEqual([0o4755, 1234, 4321, 2]);
  expect(lstatSync(join(to, "deep/er/b")).ino).toBe(a.ino);
  expect(readFileSync(join(to, "deep/a"), "utf8")).toBe("hello");
  expect(readlinkSync(join(to, "link"))).toBe(secret);
  const sparse = lstatSync(join(to, "sparse"));
  expect(sparse.size).toBe(64 << 20);
  expect(sparse.blocks * 512).toBeLessThan(1 << 20);
  expect(lstatSync(join(to, "fifo")).isFIFO()).toBe(true);
  expect(lstatSync(join(to, "sock")).isSocket()).toBe(true);
  const deep = lstatSync(join(to, "deep"));
  expect([deep.mode & 0o7777, deep.mtimeMs]).toEqual([0o1777, 1e12]);
  const copy = openAt(AT_FDCWD, join(to, "deep"), O_RDONLY);
  expect(getxattr(copy, "user.note")?.toString()).toBe("kept");
  expect(getxattr(copy, "trusted.note")?.toString()).toBe("also");
  close(copy);
  expect([lstatSync(to).uid, lstatSync(to).gid]).toEqual([7, 8]);
  expect(existsSync(secret)).toBe(true);
});

test("cloneTree() beside somebody who exchanges files for links copies nothing of the host", async () => {
  const from = join(base, "racing");
  mkdirSync(join(from, "d"), { recursive: true });
  const host = join(base, "host");
  mkdirSync(host);
  writeFileSync(join(host, "f"), "secret");
  const script = `cd ${from}; while :; do rm -rf d f; ln -s ${host} d; ln -s ${host}/f f; rm -f d f; mkdir d; echo own > d/f; echo own > f; done`;
  const racer = Bun.spawn(["sh", "-c", script], { stderr: "ignore" });
  try {
    for (let round = 0; round < 200; round++) {
      const to = join(base, `race-${round}`);
      mkdirSync(to);
      cloneTree(from, to);
      for (const path of ["f", "d/f"]) {
        const isOwn = existsSync(join(to, path)) && !lstatSync(join(to, path.split("/")[0] ?? "")).isSymbolicLink();
        if (isOwn) expect(readFileSync(join(to, path), "utf8")).not.toBe("secret");
      }
      rmSync(to, { recursive: true });
    }
  } finally {
    racer.kill("SIGKILL");
    await racer.exited;
  }
});
