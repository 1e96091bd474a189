/** What is told of a file before its bytes: fsutil's Stat, with modes in Go's bits. */
import { goMode } from "../../api/buildkit/files.ts";
import type { ListedFile } from "../../api/buildkit/list-digest.ts";

export interface FileStat extends ListedFile {
  readonly xattrs: Readonly<Record<string, Uint8Array>> | null;
}

/** S_IFMT's values. */
const unixTypes: ReadonlyMap<number, number> = new Map([
  [0o10000, goMode.namedPipe],
  [0o20000, goMode.device | goMode.characterDevice],
  [0o40000, goMode.directory],
  [0o60000, goMode.device],
  [0o120000, goMode.symlink],
  [0o140000, goMode.socket],
]);

/** `st_mode` as Go writes it. */
export function toGoMode(mode: number): number {
  let result = (mode & 0o777) | (unixTypes.get(mode & 0o170000) ?? 0);
  if (mode & 0o4000) result |= goMode.setuid;
  if (mode & 0o2000) result |= goMode.setgid;
  if (mode & 0o1000) result |= goMode.sticky;
  return result >>> 0;
}

export const isDirectory = (mode: number): boolean => (mode & goMode.directory) !== 0;
export const isSymlink = (mode: number): boolean => (mode & goMode.symlink) !== 0;
