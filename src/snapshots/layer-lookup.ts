/** Looking a path up through a stack of layer directories as overlayfs would, without mounting them. */
import { close, O_NOFOLLOW, O_PATH, tryOpenAt } from "../linux/file.ts";
import { fstat, S_IFDIR, S_IFMT } from "../linux/stat.ts";
import { marksDeletion } from "./unpack/tree-root.ts";
import { isOpaque } from "./unpack/whiteout.ts";

/**
 * An O_PATH descriptor of `parts` in `layers` (open directories, topmost first), links not followed; `null` where the
 * merged tree has no such path. A whiteout, an opaque directory or a non-directory hides what is below it.
 */
export function lookup(layers: readonly number[], parts: readonly Buffer[]): number | null {
  for (const layer of layers) {
    const found = lookupIn(layer, parts);
    if (found === "hidden") return null;
    if (found !== "absent") return found.fd;
  }
  return null;
}

/**
 * As {@link lookup} in one layer. `hidden` says that the layers below do not matter either; `opaque`, that a directory
 * on the way hides them.
 */
export function lookupIn(
  layer: number,
  parts: readonly Buffer[],
): { readonly fd: number; readonly opaque: boolean } | "absent" | "hidden" {
  let fd = tryOpenAt(layer, ".", O_PATH);
  let opaque = false;
  for (const [i, part] of parts.entries()) {
    const next = tryOpenAt(fd, part, O_PATH | O_NOFOLLOW);
    close(fd);
    if (next < 0) return opaque ? "hidden" : "absent";
    fd = next;
    const stat = fstat(fd);
    const type = stat.mode & S_IFMT;
    if (marksDeletion(stat)) {
      close(fd);
      return "hidden";
    }
    if (i === parts.length - 1) return { fd, opaque };
    if (type !== S_IFDIR) {
      close(fd);
      return "hidden";
    }
    opaque ||= isOpaque(fd);
  }
  return { fd, opaque };
}
