/** What makes a file what it is in a cache key; times are no part of it. */
import type { TarEntryType } from "../../lib/tar/entry.ts";

export interface DigestedFile {
  /** As at the destination. */
  readonly path: Uint8Array;
  readonly type: TarEntryType;
  readonly linkPath: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array> | null;
}

/** The text that is hashed for a file, before the digest of its bytes. */
export function digestText(file: DigestedFile): string {
  const { path, type, linkPath, mode, uid, gid, devMajor, devMinor, xattrs } = file;
  // Of what has no bytes of its own the size is its file system's affair.
  const size = type === "file" ? file.size : 0;
  const attributes = [...(xattrs ?? [])].map(([name, value]) => [name, Buffer.from(value).toString("base64")]).sort();
  const rest = [type, mode, uid, gid, size, devMajor, devMinor, attributes];
  return JSON.stringify([Buffer.from(path).toString("base64"), Buffer.from(linkPath).toString("base64"), rest]);
}

/** Before the files of one source: where they go, below the destination. */
export const sourceText = (parents: string, name: string | null): string => JSON.stringify([parents, name]);
