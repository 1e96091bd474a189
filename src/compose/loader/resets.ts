/** `!reset` and `!override`: what earlier files say at a path is forgotten. */
import type { Node } from "../yaml/node.ts";

/** Takes the paths out of `node`, which itself stands at `prefix`. */
export function dropPaths(node: Node, paths: readonly (readonly string[])[], prefix: readonly string[] = []): Node {
  for (const path of paths) {
    if (path.length <= prefix.length || !prefix.every((part, i) => part === path[i])) continue;
    dropPath(node, path.slice(prefix.length));
  }
  return node;
}

function dropPath(node: Node, [key, ...rest]: readonly string[]): void {
  if (node.kind !== "mapping" || key === undefined) return;
  if (rest.length === 0) {
    node.entries.delete(key);
    return;
  }
  const next = node.entries.get(key);
  if (next) dropPath(next, rest);
}
