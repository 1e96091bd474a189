/** What images are made of, on the wire. */
import type { OCIDescriptor } from "./images.ts";

/** One image of `GET /dhow/v1/images/layers`: what it is stored as, and what it is unpacked to. */
export interface ImageLayers {
  ID: string;
  RepoTags: string[];
  Manifest: OCIDescriptor;
  Config: OCIDescriptor;
  /** Lowest first. */
  Layers: {
    Blob: OCIDescriptor;
    /** Digest of the unpacked archive. */
    DiffID: string;
    /** Names the layer with all below it. */
    ChainID: string;
    /** Bytes of its files. */
    Size: number;
    /** The history's line for it; "" without one. */
    CreatedBy: string;
  }[];
}

export type LayerFileType = "file" | "directory" | "symlink" | "char" | "block" | "fifo" | "socket" | "whiteout";

/** One name in one layer: a line of `GET /dhow/v1/images/{name}/files`. */
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
  /** Bytes of a file. A further name of one (with a `Target`) takes none of its own. */
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
