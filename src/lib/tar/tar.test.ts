import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { entriesOf, memberBytes, tarOf } from "../../../test/fixtures/tar-builder.ts";
import { TarReader } from "./reader.ts";
import { tarEnd } from "./writer.ts";

const long = "directory/".repeat(30);

test("TarReader gives back what tarHeader() wrote, in chunks of any size", () => {
  const tar = tarOf(
    { path: `${long}file`, type: "file", data: "x".repeat(1000), uid: 3_000_000, gid: 2, mtime: { sec: -1, nsec: 5 } },
    { path: "link", type: "symlink", linkPath: `${long}target` },
    { path: Buffer.from([0x61, 0xff]), type: "file", mode: 0o4711, xattrs: new Map([["user.x", Buffer.from([0, 1])]]) },
    { path: "dev", type: "block", devMajor: 8, devMinor: 300 },
    { path: "big", type: "hardlink", linkPath: "dev" },
    { path: "dir", type: "directory" },
  );
  for (const size of [1, 7, 512, 513, tar.length]) {
    const found = entriesOf(tar, size);
    expect(found.get(`${long}file`)).toMatchObject({
      entry: { uid: 3_000_000, gid: 2, size: 1000, mtime: { sec: -1, nsec: 5 } },
    });
    expect(found.get(`${long}file`)?.data.length).toBe(1000);
    expect(found.get("link")?.entry.linkPath.toString()).toBe(`${long}target`);
    expect(found.get("aÿ")?.entry).toMatchObject({ mode: 0o4711, xattrs: new Map([["user.x", Buffer.from([0, 1])]]) });
    expect(found.get("dev")?.entry).toMatchObject({ type: "block", devMajor: 8, devMinor: 300 });
    expect(found.get("dir/")?.entry.type).toBe("directory");
  }
});

test("TarReader reads what GNU tar writes in each of its formats, sparse files included", () => {
  const dir = mkdtempSync(join(tmpdir(), "dhow-gnu-"));
  try {
    writeFileSync(join(dir, "name".repeat(40)), "data");
    symlinkSync("target".repeat(30), join(dir, "link"));
    spawnSync(
      "sh",
      [
        "-c",
        "truncate -s 10M sparse; printf end >> sparse; printf middle | dd of=sparse bs=1 seek=5000000 conv=notrunc",
      ],
      { cwd: dir },
    );
    for (const args of [
      ["gnu"],
      ["pax", "--sparse-version=0.0"],
      ["pax", "--sparse-version=0.1"],
      ["pax", "--sparse-version=1.0"],
    ]) {
      const tar = spawnSync("tar", ["-S", "-c", "-f", "-", `--format=${args[0]}`, ...args.slice(1), "."], {
        cwd: dir,
        maxBuffer: 1 << 26,
      }).stdout;
      const found = entriesOf(tar, 1000);
      expect(found.get(`./${"name".repeat(40)}`)?.data.toString()).toBe("data");
      expect(found.get("./link")?.entry.linkPath.toString()).toBe("target".repeat(30));
      const sparse = found.get("./sparse");
      expect(sparse?.entry.size).toBe(10 * 2 ** 20 + 3);
      expect(sparse?.holes).toBeGreaterThan(9 * 2 ** 20);
      expect((sparse?.data.length ?? 0) + (sparse?.holes ?? 0)).toBe(10 * 2 ** 20 + 3);
      expect(sparse?.data.includes("middle") && sparse.data.toString().endsWith("end")).toBe(true);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test("GNU tar reads what tarHeader() writes", () => {
  const tar = tarOf({ path: `${long}file`, type: "file", data: "data", mtime: { sec: 1_000_000_000, nsec: 5 } });
  const listed = spawnSync("tar", ["-tvf", "-", "--full-time"], { input: tar });
  expect(listed.stderr.toString()).toBe("");
  expect(listed.stdout.toString()).toContain("2001-09-09 01:46:40.000000005");
});

test("TarReader.finish() takes an archive without its end, and refuses one cut inside a member", () => {
  const member = memberBytes({ path: "f", type: "file", data: "x".repeat(600) });
  expect(entriesOf(member).size).toBe(1);
  expect(entriesOf(Buffer.concat([member, tarEnd, Buffer.from("tail")])).size).toBe(1);
  expect(() => entriesOf(member.subarray(0, 700))).toThrow("unexpected EOF");
  expect(() => entriesOf(member.subarray(0, 300))).toThrow("unexpected EOF");
});

test("an empty archive has no members", () => {
  const reader = new TarReader({ entry: () => {}, data: () => {}, hole: () => {}, end: () => {} });
  reader.finish();
  expect(entriesOf(tarEnd).size).toBe(0);
});
