/** Bytes in the layers of an image that no container sees: files that a later layer replaces or takes away. */
import type { LayerFile } from "../../../api/image-files.ts";
import { LayerTree, ownSize, walk } from "../layer-tree.ts";

export interface Waste {
  /** Bytes of all files of all layers. */
  readonly total: number;
  /** Those that a container does not see. */
  readonly wasted: number;
  /** The seen part of all bytes, 0 to 1; 1 of nothing. */
  readonly efficiency: number;
  /** Paths with wasted bytes, most first. */
  readonly paths: readonly WastedPath[];
}

export interface WastedPath {
  readonly path: string;
  readonly bytes: number;
  /** Layers that name it, a removal included. */
  readonly layers: number;
}

export function wasteOf(files: readonly LayerFile[]): Waste {
  const tree = new LayerTree();
  const byPath = new Map<string, { bytes: number; layers: number }>();
  let total = 0;
  for (const file of files) {
    tree.add(file);
    const size = ownSize(file);
    total += size;
    if (file.Type === "directory") continue;
    const known = byPath.get(file.Path);
    if (known) {
      known.bytes += size;
      known.layers++;
    } else byPath.set(file.Path, { bytes: size, layers: 1 });
  }
  let seen = 0;
  walk(tree.root, (path, { file }) => {
    const size = ownSize(file);
    seen += size;
    const known = byPath.get(path);
    if (known) known.bytes -= size;
  });
  const paths = [...byPath].filter(([, { bytes }]) => bytes > 0).map(([path, found]) => ({ path, ...found }));
  paths.sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
  return { total, wasted: total - seen, efficiency: total === 0 ? 1 : seen / total, paths };
}
