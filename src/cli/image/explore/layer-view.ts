/** The tree of an image up to one layer, each file with what the layers looked at have done to it. */
import type { LayerFile } from "../../../api/image-files.ts";
import { isDirectory, LayerTree, ownSize, type TreeNode } from "../layer-tree.ts";

export type Status = "unchanged" | "added" | "changed" | "removed";

export interface ViewNode {
  readonly name: string;
  /** From the root on. */
  readonly path: string;
  /** `null` for a directory that no layer names. */
  readonly file: LayerFile | null;
  readonly status: Status;
  /** True when something in it is not `unchanged`. */
  readonly touched: boolean;
  /** Bytes of the file, or of all below. */
  readonly size: number;
  readonly isDirectory: boolean;
  readonly children: readonly ViewNode[];
}

/** What the layers `from` to `to` (both included) make of those below them. */
export function layerView(files: readonly LayerFile[], from: number, to: number): ViewNode {
  const [before, after] = [new LayerTree(), new LayerTree()];
  for (const file of files) {
    if (file.Layer < from) before.add(file);
    if (file.Layer <= to) after.add(file);
  }
  return viewOf(before.root, after.root, "");
}

function viewOf(was: TreeNode | undefined, is: TreeNode | undefined, path: string): ViewNode {
  const node = is ?? was;
  if (!node) throw new Error("a node of neither tree");
  const names = new Set([...(was?.children.keys() ?? []), ...(is?.children.keys() ?? [])]);
  const children = [...names]
    .sort()
    .map((name) => viewOf(was?.children.get(name), is?.children.get(name), path === "" ? name : `${path}/${name}`));
  const status = statusOf(was, is);
  // What is taken away takes no place.
  const below = children.reduce((sum, child) => sum + (child.status === "removed" ? 0 : child.size), 0);
  return {
    name: node.name,
    path,
    file: node.file,
    status,
    touched: status !== "unchanged" || children.some((child) => child.touched),
    size: is ? below + ownSize(node.file) : sizeOf(node),
    isDirectory: isDirectory(node),
    children,
  };
}

const sizeOf = (node: TreeNode): number =>
  [...node.children.values()].reduce((sum, child) => sum + sizeOf(child), ownSize(node.file));

function statusOf(was: TreeNode | undefined, is: TreeNode | undefined): Status {
  if (!was) return "added";
  if (!is) return "removed";
  const [before, after] = [was.file, is.file];
  if (before === after) return "unchanged";
  if (!before || !after || before.Type !== "directory" || after.Type !== "directory") return "changed";
  // A layer names the directories on the way to its files.
  const same = before.Mode === after.Mode && before.UID === after.UID && before.GID === after.GID;
  return same ? "unchanged" : "changed";
}
