/** What one tar member says of itself. Names are bytes: archives hold names in any encoding. */

export type TarEntryType = "file" | "hardlink" | "symlink" | "char" | "block" | "directory" | "fifo";

/** Seconds since 1970 (negative before) and nanoseconds on top. */
export interface TarTime {
  readonly sec: number;
  readonly nsec: number;
}

/** One member. `size` counts the bytes of the file as it will be on disk, holes included; 0 for all but files. */
export interface TarEntry {
  path: Buffer;
  type: TarEntryType;
  /** Target of a hard or symbolic link, empty otherwise. */
  linkPath: Buffer;
  /** Permission bits, 0 to 0o7777. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: TarTime;
  devMajor: number;
  devMinor: number;
  /** Extended attributes from `SCHILY.xattr.` records. */
  xattrs: ReadonlyMap<string, Buffer> | null;
}

export const blockSize = 512;

/** What the reader tells. `data` and `hole` come between `entry` and `end`, in file order; bytes are valid during the call only. */
export interface TarSink {
  entry(entry: TarEntry): void;
  data(bytes: Uint8Array): void;
  hole(length: number): void;
  end(): void;
}
