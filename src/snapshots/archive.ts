/**
 * Files in and out of a container's tree (`docker cp`) and out of an image into a volume.
 *
 * Every path is a path *inside* `root` and is resolved there with `openat2(RESOLVE_IN_ROOT)`, so that a tree which
 * changes under our hands, or links that point outside, can reach nothing else. The work runs in a helper process.
 */
import type { Readable } from "node:stream";
import { runHelper, streamHelper } from "../helper/helper-process.ts";
import type { Operation } from "../lib/operation.ts";
import type { CopyUpRequest, PathRequest, ReadArchiveRequest, WriteArchiveRequest } from "./archive-helper.ts";

/** What `X-Docker-Container-Path-Stat` tells. */
export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** Go's `os.FileMode` bits, as the Engine API sends them. */
  readonly mode: number;
  /** RFC 3339 with nanoseconds. */
  readonly mtime: string;
  /** Target of a symbolic link, resolved inside the root; empty otherwise. */
  readonly linkTarget: string;
}

/** How a tree is put into an archive. */
export interface ReadArchiveOptions {
  /** What the first entry is called, else the last component of the path. */
  readonly name?: string | undefined;
  /** Keep all that a tar can bear: fractions of seconds, holes, every attribute. */
  readonly exact?: boolean;
}

/** How an archive is written into a tree. */
export interface WriteArchiveOptions {
  /** Refuse to replace a directory by a file and the other way round. */
  readonly noOverwriteDirNonDir?: boolean;
  /** Owner of what is written; `null` keeps the archive's. */
  readonly owner?: { readonly uid: number; readonly gid: number } | null;
}

/** The three calls of `docker cp`, plus the copy of an image directory into a new volume. */
export interface Archives {
  /** Throws `notFound` with the path; Docker's words around it are the caller's. */
  statPath(root: string, path: string, op: Operation): Promise<PathStat>;
  /** The path as an uncompressed tar. */
  readArchive(
    root: string,
    path: string,
    op: Operation,
    options?: ReadArchiveOptions,
  ): Promise<{ stat: PathStat; tar: Readable }>;
  /** Unpacks `tar` (plain or compressed) into the directory `path`. */
  writeArchive(root: string, path: string, tar: Readable, options: WriteArchiveOptions, op: Operation): Promise<void>;
  /**
   * Copies what is inside the directory `path` of `root` to the directory `target`, over what an interrupted copy left
   * there; absent or not a directory: nothing.
   */
  copyUp(root: string, path: string, target: string, op: Operation): Promise<void>;
}

/** The archives of this engine, each call a helper process. */
export function createArchives(): Archives {
  const statPath = (root: string, path: string, op: Operation): Promise<PathStat> =>
    runHelper<PathStat>("stat-path", { root, path } satisfies PathRequest, null, op.signal);
  return {
    statPath,
    async readArchive(root, path, op, { name, exact = false } = {}) {
      const stat = await statPath(root, path, op);
      const request: ReadArchiveRequest = { root, path, exact, ...(name !== undefined && { name }) };
      return { stat: { ...stat, name: name ?? stat.name }, tar: streamHelper("read-archive", request, op.signal) };
    },
    async writeArchive(root, path, tar, options, op) {
      const request: WriteArchiveRequest = { root, path, options };
      await runHelper<null>("write-archive", request, tar, op.signal);
    },
    async copyUp(root, path, target, op) {
      const request: CopyUpRequest = { root, path, target };
      await runHelper<{ copied: boolean }>("copy-up", request, null, op.signal);
    },
  };
}
