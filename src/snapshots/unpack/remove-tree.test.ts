import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AT_FDCWD, close, O_DIRECTORY, openAt } from "../../linux/file.ts";
import { MS_BIND, mount, unmount } from "../../linux/mount.ts";
import { removeTree } from "./remove-tree.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-remove-"));
const dir = openAt(AT_FDCWD, root, O_DIRECTORY);
afterAll(() => {
  close(dir);
  rmSync(root, { recursive: true, force: true });
});

test("removeTree() takes a tree deeper than its descriptors may be, and is content when there is none", () => {
  const deep = join(root, "deep", ...Array.from({ length: 300 }, () => "d"));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, "file"), "x");
  removeTree(dir, "deep");
  expect(existsSync(join(root, "deep"))).toBe(false);
  removeTree(dir, "deep");
});

test.each(["data", "above/data"])("removeTree() enters no mount at %s, of the same file system neither", (place) => {
  const host = join(root, "host");
  mkdirSync(host, { recursive: true });
  writeFileSync(join(host, "precious"), "kept");
  mkdirSync(join(root, place), { recursive: true });
  for (const [source, type, flags] of [
    [host, null, MS_BIND],
    ["tmpfs", "tmpfs", 0],
  ] as const) {
    mount(source, join(root, place), type, flags, null);
    try {
      if (type) writeFileSync(join(root, place, "precious"), "kept");
      expect(() => removeTree(dir, place.split("/")[0] ?? "")).toThrow("something is mounted on");
      expect(readFileSync(join(root, place, "precious"), "utf8")).toBe("kept");
    } finally {
      unmount(join(root, place));
    }
  }
});
