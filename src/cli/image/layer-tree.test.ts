import { expect, test } from "bun:test";
import type { LayerFile } from "../../api/image-files.ts";
import { diffTrees } from "./files-diff.ts";
import { LayerTree, walk } from "./layer-tree.ts";

function file(layer: number, path: string, more: Partial<LayerFile> = {}): LayerFile {
  const { Type = "file" } = more;
  return { Layer: layer, Path: path, Type, Mode: 0o644, UID: 0, GID: 0, Size: 1, ModTime: 0, ...more };
}

function treeOf(...files: LayerFile[]): LayerTree {
  const tree = new LayerTree();
  for (const each of files) tree.add(each);
  return tree;
}

function pathsOf(tree: LayerTree): string[] {
  const paths: string[] = [];
  walk(tree.root, (path) => paths.push(path));
  return paths.sort();
}
const directory = { Type: "directory" } as const;

test("LayerTree takes away what a whiteout names, and all that an opaque directory hides", () => {
  const lower = [file(0, "a", directory), file(0, "a/x"), file(0, "b", directory), file(0, "b/y"), file(0, "c")];
  const upper = [file(1, "a", { ...directory, Opaque: true }), file(1, "a/z"), file(1, "b", { Type: "whiteout" })];
  expect(pathsOf(treeOf(...lower, ...upper))).toEqual(["a", "a/z", "c"]);
});

test("LayerTree puts a file in the place of a directory, and keeps what a named directory holds", () => {
  const lower = [file(0, "a", directory), file(0, "a/x"), file(0, "b", directory), file(0, "b/y")];
  expect(pathsOf(treeOf(...lower, file(1, "a"), file(1, "b", directory)))).toEqual(["a", "b", "b/y"]);
  expect(pathsOf(treeOf(file(0, "a"), file(1, "a/x")))).toEqual(["a", "a/x"]);
});

test("names that mean something to objects are names of files like all others", () => {
  const names = ["__proto__", "constructor", "toString"];
  expect(pathsOf(treeOf(...names.map((name) => file(0, name))))).toEqual(names.toSorted());
});

test("diffTrees() tells each kind of difference, parents first, and no times", () => {
  const before = treeOf(
    file(0, "content", { Digest: "1" }),
    file(0, "gone"),
    file(0, "link", { Type: "symlink", Target: "a" }),
    file(0, "mode"),
    file(0, "same", { Digest: "1", ModTime: 1 }),
    file(0, "type", directory),
    file(0, "type/inside"),
  );
  const after = treeOf(
    file(0, "content", { Digest: "2" }),
    file(0, "link", { Type: "symlink", Target: "b" }),
    file(0, "mode", { Mode: 0o4755, UID: 5, Size: 3 }),
    file(0, "new", directory),
    file(0, "new/file"),
    file(0, "same", { Digest: "1", ModTime: 2 }),
    file(0, "type"),
  );
  expect(diffTrees(before, after).map(({ path, kind, what }) => [path, kind, ...what])).toEqual([
    ["content", "changed", "content"],
    ["gone", "removed"],
    ["link", "changed", "target a -> b"],
    ["mode", "changed", "mode 0644 -> 4755", "owner 0:0 -> 5:0", "size 1 -> 3"],
    ["new", "added"],
    ["new/file", "added"],
    ["type", "changed", "directory -> file"],
    ["type/inside", "removed"],
  ]);
});
