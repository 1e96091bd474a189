import type { Readable } from "node:stream";
import type { Filters } from "../api/filters.ts";
import type { Volume, VolumeCreateRequest, VolumeListResponse, VolumePruneResponse } from "../api/volumes.ts";
import type { Operation } from "../lib/operation.ts";
import type { OciMount } from "../runtime/spec/oci.ts";
import type { Tx } from "../state/database.ts";
import type { MountConfig, ResolvedMount } from "./mounts.ts";

/** A create request, as far as the local driver reads it: wire callers hand in all of it, the engine the part it means. */
export type VolumeRequest = Partial<VolumeCreateRequest>;

/**
 * Named storage that outlives containers.
 *
 * A container's life in calls: at create, `resolve` turns its wishes into {@link ResolvedMount}s, making volumes that do
 * not exist yet and referencing all of them for the container; `populate` copies the image's content into new, empty
 * volumes once the root is mounted; at each start, `mount` gives the OCI mounts with sources that exist now, and
 * `unmount` takes driver mounts back at exit; at removal, `release` drops the references, and on request the anonymous
 * volumes. After a restart of the engine, `reference` is called for every container record, so that what is in use
 * is computed from containers and never drifts from them.
 */
export interface Volumes {
  readonly transfers: VolumeTransfers;
  /**
   * Compares records and directories at the engine's start, before anything else: a directory without a record becomes a
   * volume again when it holds data (a lost database must not lose volumes) and goes when it is empty (a create that was
   * cut short).
   */
  restore(op: Operation): Promise<void>;
  /** Returns the existing volume of that name, or makes it; `conflict` when it exists with another driver. */
  create(request: VolumeRequest, op: Operation): Promise<Volume>;
  list(filters: Filters, op: Operation): Promise<VolumeListResponse>;
  /** `notFound`: `get NAME: no such volume`. */
  inspect(name: string, op: Operation): Promise<Volume>;
  /** `conflict`: `remove NAME: volume is in use - [ID]`; with `force` an absent volume is not an error. */
  remove(name: string, options: { force: boolean }, op: Operation): Promise<void>;
  prune(filters: Filters, op: Operation): Promise<VolumePruneResponse>;
  /** The names of the plugins that make volumes. */
  drivers(): Promise<string[]>;
  /** All volumes with sizes and reference counts, for `system df`. */
  usage(op: Operation): Promise<Volume[]>;

  /**
   * The mounts of a container about to be created, from binds, mounts, tmpfs, image volumes and volumes-from. New
   * volumes are made as directories at once and recorded in `tx` of the returned `commit`, so that the caller's own
   * record and they become durable together; `rollback` removes them again.
   */
  resolve(containerId: string, config: MountConfig, op: Operation): Promise<VolumeClaim>;
  /**
   * Copies the image's content at each new volume's destination into it, where the volume is empty or an earlier copy
   * did not come to its end.
   */
  populate(mounts: readonly ResolvedMount[], rootfs: string, op: Operation): Promise<void>;
  /**
   * Sources made sure of, driver mounts mounted, subpaths resolved: what the bundle mounts, for this one start. `user` gives whom
   * the process starts as; it is asked only where owners are to show up as that one.
   */
  mount(
    containerId: string,
    mounts: readonly ResolvedMount[],
    user: () => Promise<{ readonly uid: number; readonly gid: number }>,
    op: Operation,
  ): Promise<OciMount[]>;
  /** The counterpart of `mount`; never throws for what is already gone. */
  unmount(containerId: string, mounts: readonly ResolvedMount[]): Promise<void>;
  /** Marks the volumes of `mounts` as used by a container that already exists, `mounted` while it has a process. */
  reference(containerId: string, mounts: readonly ResolvedMount[], mounted: boolean): void;
  /** Takes back what a create that failed after its commit has claimed, anonymous volumes included; does not fail. */
  abandon(containerId: string, mounts: readonly ResolvedMount[]): Promise<void>;
  /** Drops a removed container's references; with `removeAnonymous` also its anonymous volumes that nobody else uses. */
  release(
    containerId: string,
    mounts: readonly ResolvedMount[],
    options: { removeAnonymous: boolean },
    op: Operation,
  ): Promise<void>;
}

/** Mounts resolved for a container that is not recorded yet. */
export interface VolumeClaim {
  readonly mounts: readonly ResolvedMount[];
  /** Records the new volumes in the caller's transaction. */
  commit(tx: Tx): void;
  /** Undoes what `resolve` did; for a create that failed before `commit`. */
  rollback(): Promise<void>;
}

/** What Docker has no verbs for. */
export interface VolumeTransfers {
  /** Another name for a local volume that nobody uses. */
  rename(name: string, to: string, op: Operation): Promise<void>;
  /** A new local volume with the data of another; without a name, that one's with the time. */
  clone(name: string, to: string, options: { snapshot: boolean }, op: Operation): Promise<Volume>;
  /** The data as a tar archive. */
  export(name: string, op: Operation): Promise<Readable>;
  /** A new local volume from a tar archive, plain or compressed: whole, or not at all. */
  import(name: string, labels: Readonly<Record<string, string>>, tar: Readable, op: Operation): Promise<Volume>;
}
