/** What is told of a file before its bytes: fsutil's Stat, with modes in Go's bits. */
import { goMode } from "../../api/buildkit/files.ts";

export interface FileStat {
  /** Below the directory that is sent, with slashes. */
  readonly path: string;
  /** Go's FileMode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Nanoseconds since the epoch. */
  readonly modTime: bigint;
  /** Where a symbolic link leads; for a regular file the path, sent before, that it is a hard link to. */
  readonly linkname: string;
  readonly devmajor: number;
  readonly devminor: number;
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
