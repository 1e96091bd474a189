/** The files of an image as its layers make them, one on the other, by the rules of the OCI image spec's layers. */
import type { LayerFile } from "../../api/image-files.ts";

/** One name of the tree. */
export interface TreeNode {
  readonly name: string;
  /** `null` for a directory that no layer names, and for the root. */
  file: LayerFile | null;
  readonly children: Map<string, TreeNode>;
}

const newNode = (name: string, file: LayerFile | null): TreeNode => ({ name, file, children: new Map() });

/** True for what may have children. */
export const isDirectory = ({ file }: TreeNode): boolean => file === null || file.Type === "directory";

/** The merged tree of as many layers as were added. */
export class LayerTree {
  readonly root: TreeNode = newNode("", null);

  /** Puts one file of the next layer, or of the present one, on the tree. Opaque directories and whiteouts take away what is below. */
  add(file: LayerFile): void {
    const parts = file.Path.split("/");
    const name = parts.pop() ?? "";
    const parent = this.#directory(parts);
    if (file.Type === "whiteout") {
      parent.children.delete(name);
      return;
    }
    const there = parent.children.get(name);
    const keepsChildren = there && isDirectory(there) && file.Type === "directory" && !file.Opaque;
    if (keepsChildren) there.file = file;
    else parent.children.set(name, newNode(name, file));
  }

  #directory(parts: readonly string[]): TreeNode {
    let at = this.root;
    for (const part of parts) {
      let next = at.children.get(part);
      if (!next || !isDirectory(next)) {
        next = newNode(part, null);
        at.children.set(part, next);
      }
      at = next;
    }
    return at;
  }
}

/** Tells every file below a node with its path, parents first, in no order of names. */
export function walk(node: TreeNode, each: (path: string, node: TreeNode) => void, prefix = ""): void {
  for (const child of node.children.values()) {
    const path = prefix + child.name;
    each(path, child);
    if (child.children.size > 0) walk(child, each, `${path}/`);
  }
}

/** The bytes that a file takes by itself: a further name of one takes none, nor does what is no file. */
export function ownSize(file: LayerFile | null): number {
  return file?.Type === "file" && file.Target === undefined ? file.Size : 0;
}
