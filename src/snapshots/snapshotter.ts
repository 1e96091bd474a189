/**
 * Snapshots: the file trees containers see, made of read-only layers and one writable layer each.
 *
 * The life of an image and a container, in calls:
 *
 * 1. `applyLayer({ chainId: c1, parent: null, diffId: d1 }, blob)` unpacks the first layer beside the others; only when
 *    its bytes hashed to `d1` and are on disk does `c1` exist. `applyLayer({ chainId: c2, parent: c1, ... })` puts the
 *    next one on top. Applying a chain id that exists is a success that does nothing.
 * 2. `prepare(container, c2)` makes a writable layer over the chain; `mount(container, dir)` shows the merged tree at `dir`.
 * 3. `unmount(dir)` when the container has ended; the writable layer stays, and may be mounted again.
 * 4. `changes(container)` and `diffTar(container)` tell what the container wrote; `applyLayer` of that tar is a commit.
 * 5. `remove(container)` throws the writable layer away; `removeLayer(c2)` a layer that nothing stands on.
 *
 * `chainId` is the OCI chain id (`sha256:` and 64 hex digits), `key` a container's id. Both are checked before they
 * become a file name. All methods may be called at once by several processes; one layer is unpacked by one of them.
 */
import type { Readable } from "node:stream";
import type { Operation } from "../lib/operation.ts";
import type { HeldTree } from "./held-tree.ts";
import type { LayerCare } from "./layer-care.ts";

/** How a layer's bytes are packed; `null` is decided by their first bytes, which are looked at in any case. */
export type LayerCompression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

/** One layer to unpack. */
export interface LayerRequest {
  readonly chainId: string;
  /** Chain id of the layer below, which must exist; `null` for the first. */
  readonly parent: string | null;
  /** Digest of the uncompressed tar. */
  readonly diffId: string;
  /** What the manifest claims; the magic bytes decide, so this is informative. */
  readonly compression?: LayerCompression | null;
  /** Most bytes and inodes the unpacked layer may take; engine defaults apply when absent. */
  readonly budget?: { readonly bytes?: number; readonly inodes?: number };
}

/** One layer whose archive is whole in the file at `path`. */
export interface StoredLayerRequest extends LayerRequest {
  readonly path: string;
}

/** A file that is still being written: read from its start, `complete` tells that nothing more comes (or that all is lost). */
export interface GrowingFile {
  /** Open for reading; stays its owner's to close. */
  readonly fd: number;
  readonly complete: Promise<void>;
}

/** Where a layer's archive is read from, packed or not: a path, a stream, or a file that grows meanwhile. */
export type LayerBody = string | Readable | GrowingFile;

/** How a container's writable layer is made. */
export interface PrepareOptions {
  /** Quota in bytes (`--storage-opt size=`); refused where the file system has no project quota. */
  readonly sizeLimit?: number;
  /**
   * The layer need not survive a crash of the host (`--rm`): fsync inside it costs nothing and unmounting does not
   * write the host's dirty pages back.
   */
  readonly ephemeral?: boolean;
  /** Without the init layer: what a build makes shows what is there, and nothing else. */
  readonly bare?: boolean;
}

/** What happened to a path, in the numbers of the Engine API's `changes`. */
export type ChangeKind = 0 | 1 | 2;

/** One changed path: bytes of an absolute path inside the container; 0 modified, 1 added, 2 deleted. */
export interface Change {
  readonly path: Buffer;
  readonly kind: ChangeKind;
}

/** A layer that a writable layer is ready to become. */
export interface SealedLayer {
  readonly chainId: string;
  /** Digest of its tar. */
  readonly diffId: string;
  /** Bytes of the tar. */
  readonly archiveSize: number;
}

/** Making a layer of a writable layer without unpacking its tar again. Nobody works in it, and it is mounted nowhere. */
export interface LayerSealing {
  /** Writes the tar, as of `diffTar`, to the open file `fd`, and brings it and the writable layer's files to the disk. */
  seal(key: string, fd: number, op: Operation): Promise<SealedLayer>;
  /** The sealed writable layer's files become the layer, by one rename; where that exists, nothing happens. */
  adopt(key: string, sealed: SealedLayer, op: Operation): Promise<void>;
}

/** A storage driver. Errors: `notFound` for an unknown key or parent, `dataLoss` for bytes that are not what they claim. */
export interface Snapshotter {
  /** Docker's name of the driver: `overlay2` or `vfs`. */
  readonly name: string;
  /** What `system check` and lists of files ask of the layers. */
  readonly care: LayerCare;
  /** Absent where writable layers do not have the form of layers. */
  readonly sealing?: LayerSealing;

  hasLayer(chainId: string): boolean;
  /** Removes a layer; absent is fine. Throws `conflict` while another layer or a writable layer stands on it. */
  removeLayer(chainId: string): Promise<void>;
  /** Chain ids of all complete layers. */
  layers(): Promise<string[]>;
  /** Bytes of the layer's files, not counting what is below. */
  layerSize(chainId: string): Promise<number>;
  /**
   * Unpacks a layer in a helper process. The layer becomes visible by one rename, after its diff id is verified and
   * its files are synced. Throws `dataLoss` on a wrong diff id, `invalidArgument` on a malformed or hostile archive,
   * `resourceExhausted` past the budget or on a full disk; nothing is left in any of these cases.
   */
  layerData?(chainId: string): Record<string, string>;
  applyLayer(request: LayerRequest, body: LayerBody, op: Operation): Promise<{ size: number }>;

  /**
   * As {@link applyLayer} for layers that stand on each other, lowest first: they become visible together, or none does. `onApplied`
   * is told of each by its index as soon as it is unpacked.
   */
  applyLayers(layers: readonly StoredLayerRequest[], op: Operation, onApplied: (index: number) => void): Promise<void>;

  /** Makes the writable layer `key` over the chain `parent` (`null`: an empty root). Throws `conflict` if it exists. */
  prepare(key: string, parent: string | null, options?: PrepareOptions): Promise<void>;
  /** True when the writable layer `key` exists. */
  hasKey(key: string): boolean;
  /** Keys of all writable layers. */
  keys(): Promise<string[]>;
  /** Mounts the merged tree of `key` at the directory `target`, which is made when absent. */
  mount(key: string, target: string): Promise<void>;
  /** Shows the tree of a chain alone, read-only, at the directory `target`, which exists. Its owner unmounts it. */
  view(chainId: string, target: string): Promise<void>;
  /** Unmounts `target` and removes the empty directory; a target that is not mounted is fine. */
  unmount(target: string): Promise<void>;
  isMounted(target: string): boolean;
  /** Takes the tree mounted at `target` out of the mount table: it stays to who has it as a root, and the directory. `null`: none is mounted. */
  hide(target: string): HeldTree | null;
  /**
   * The tree of `key` that an earlier engine hid at `target`, by a process that was started on it, wherever that has moved it. One
   * that the process has thrown away is shown read-only. Throws when the process is gone.
   */
  hidden(key: string, target: string, process: { readonly pid: number; readonly startTime: string }): HeldTree;
  /** Throws the writable layer away: gone by one rename when this resolves, its files deleted later. Absent is fine. */
  remove(key: string): Promise<void>;

  /** Bytes and files of the writable layer alone. */
  usage(key: string): Promise<{ size: number; files: number }>;
  /** What `key` changed against its chain, parents before children; the engine's own init stubs are not told. */
  changes(key: string): AsyncIterable<Change>;
  /** The writable layer as an uncompressed OCI layer tar, deletions as whiteouts. */
  diffTar(key: string): Readable;
  /** The whole tree mounted at `mountedRoot` as an uncompressed tar, as `export` gives it. */
  treeTar(mountedRoot: string): Readable;

  /** Deletes what crashes left: half-unpacked layers, trash. Mounts and keys are the caller's to reconcile. */
  sweep(): Promise<void>;
  /** The driver's rows of `GraphDriver.Data` for inspect. */
  driverData(key: string): Record<string, string>;
}
