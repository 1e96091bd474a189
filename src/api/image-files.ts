/** What `GET /dhow/v1/images/{name}/files` tells, one line for each file of each layer. */

export type LayerFileType = "file" | "directory" | "symlink" | "char" | "block" | "fifo" | "socket" | "whiteout";

/** One name in one layer. */
export interface LayerFile {
  /** Index of the layer, the lowest being 0. */
  Layer: number;
  /** From the root on, without a slash before it; what is no UTF-8 in it is escaped as `lib/byte-text.ts` has it. */
  Path: string;
  /** `whiteout` takes the name of the layers below away. */
  Type: LayerFileType;
  /** Permission bits. */
  Mode: number;
  UID: number;
  GID: number;
  /** Bytes of a file; 0 of a further name of one that has been told in the same layer. */
  Size: number;
  /** Seconds since 1970. */
  ModTime: number;
  /** Where a symbolic link leads, escaped as the path; the first name of a file with several; `major:minor` of a device. */
  Target?: string;
  /** A directory that hides what the layers below have in it. */
  Opaque?: true;
  /** SHA-256 of a file's data, when it was asked for. */
  Digest?: string;
}
