/**
 * A digest of a list of files, told in the order of a walk. A builder that has kept a client's list names it by this, and a client
 * that finds the same list again need not tell it.
 */

/** {@link Stat}, whichever way its attributes are held. */
export interface ListedFile {
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
  readonly xattrs: ReadonlyMap<string, Uint8Array> | Readonly<Record<string, Uint8Array>> | null;
}

/** 64 hex digits. Only of the list: two files of one size and time are the same here, as for whoever compares lists. */
export function listDigest(files: Iterable<ListedFile>): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const { path, mode, uid, gid, size, modTime, linkname, devmajor, devminor, xattrs } of files) {
    hasher.update(`${path}\0${linkname}\0${mode} ${uid} ${gid} ${size} ${modTime} ${devmajor} ${devminor}`);
    const attributes = xattrs instanceof Map ? [...xattrs] : Object.entries(xattrs ?? {});
    attributes.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, value] of attributes) hasher.update(`\0${name}=${Buffer.from(value).toString("base64")}`);
    hasher.update("\n");
  }
  return hasher.digest("hex");
}
