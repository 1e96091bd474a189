/** What differs between the files of two images. */
import type { LayerFile } from "../../api/image-files.ts";
import type { LayerTree, TreeNode } from "./layer-tree.ts";

/** One file, escaped as the API has it; `before` and `after` are null where there is none. */
export interface FileDifference {
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  readonly before: LayerFile | null;
  readonly after: LayerFile | null;
  /** Of a change: `mode 0644 -> 0755`, ... */
  readonly what: readonly string[];
}

/** All differences, parents before what is in them. Times are none: each build has its own. */
export function diffTrees(before: LayerTree, after: LayerTree): FileDifference[] {
  const found: FileDifference[] = [];
  diffChildren(before.root, after.root, "", found);
  return found;
}

const none: TreeNode = { name: "", file: null, children: new Map() };

function diffChildren(before: TreeNode, after: TreeNode, prefix: string, found: FileDifference[]): void {
  const names = new Set([...before.children.keys(), ...after.children.keys()]);
  for (const name of [...names].sort()) {
    const [was, is] = [before.children.get(name), after.children.get(name)];
    const path = prefix + name;
    if (was === is) continue;
    if (!was) found.push({ path, kind: "added", before: null, after: is?.file ?? null, what: [] });
    else if (!is) found.push({ path, kind: "removed", before: was.file, after: null, what: [] });
    else {
      const what = changes(was.file, is.file);
      if (what.length > 0) found.push({ path, kind: "changed", before: was.file, after: is.file, what });
    }
    diffChildren(was ?? none, is ?? none, `${path}/`, found);
  }
}

function changes(was: LayerFile | null, is: LayerFile | null): string[] {
  // Of one layer, which both have; or named by none.
  if (was === is || !was || !is) return [];
  if (was.Type !== is.Type) return [`${was.Type} -> ${is.Type}`];
  const found: string[] = [];
  const note = (what: string, before: string, after: string): void => {
    if (before !== after) found.push(`${what} ${before} -> ${after}`);
  };
  if (was.Type !== "symlink") note("mode", octal(was.Mode), octal(is.Mode));
  note("owner", `${was.UID}:${was.GID}`, `${is.UID}:${is.GID}`);
  if (was.Type === "file") {
    note("size", String(was.Size), String(is.Size));
    if (was.Size === is.Size && was.Digest !== is.Digest) found.push("content");
  } else note(was.Type === "symlink" ? "target" : "device", was.Target ?? "", is.Target ?? "");
  return found;
}

export const octal = (mode: number): string => mode.toString(8).padStart(4, "0");

/** True where the contents of two files are told apart by nothing but a digest that one of them lacks. */
export function lacksDigest({ before, after }: FileDifference): boolean {
  const areFiles = before?.Type === "file" && after?.Type === "file" && before.Size === after.Size;
  return areFiles && (before.Digest === undefined) !== (after.Digest === undefined);
}
