/** A directory of this host as a source of files for a builder. */
import { type FileSource, readFileBytes } from "./send-files.ts";
import { type WalkFilter, walk } from "./walk.ts";

export const readDirectory = (root: string, filter: WalkFilter): FileSource => ({
  stats: () => walk(root, filter),
  read: (stat) => readFileBytes(`${root}/${stat.path}`, stat),
});
