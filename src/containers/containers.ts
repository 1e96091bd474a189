import type { Readable } from "node:stream";
import type { ContainerStatsResponse } from "../api/container-stats.ts";
import type {
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspectResponse,
  ContainerPruneResponse,
  ContainerSummary,
  ContainerTopResponse,
  ContainerUpdateResponse,
  ContainerWaitResponse,
  FilesystemChange,
} from "../api/containers.ts";
import type { ExecConfig, ExecInspectResponse, ExecStartConfig } from "../api/exec.ts";
import type { Filters } from "../api/filters.ts";
import type { ContainerUpdateRequest } from "../api/host-config.ts";
import type { Operation } from "../lib/operation.ts";
import type { PathStat, WriteArchiveOptions } from "../snapshots/archive.ts";
import type { ResolvedMount } from "../volumes/mounts.ts";
import type { AttachStream } from "./collaborators.ts";

export interface LogOptions {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly timestamps: boolean;
  readonly details: boolean;
  /** Seconds since the epoch with up to nine decimals (`1700000000.000000001`), or RFC 3339; empty is no bound. */
  readonly since: string;
  readonly until: string;
  /** A number of lines, or `all`. */
  readonly tail: string;
}

export interface AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Live output; false gives only what `logs` asks for. */
  readonly stream: boolean;
  /** Begin with what was logged so far. */
  readonly logs: boolean;
}

/** An open attach or exec: `tty` says whether `output` is raw or Docker's frames. */
export interface OpenStreams extends AttachStream {
  readonly tty: boolean;
}

/**
 * The containers of the engine. `ref` is a full id, a unique prefix of one, or a name with or without its slash; an
 * unknown one is `notFound` (`No such container: REF`). All methods may be called at once; what changes a container
 * runs one at a time for it.
 */
export interface Containers extends AsyncDisposable {
  /**
   * Reads the records, takes running containers back from the runtime, finishes or undoes what a crash left, and
   * applies restart policies. Call once, before anything else.
   */
  restore(): Promise<void>;
  /** Stops all running containers with their grace time, for `daemon stop --all`. */
  stopAll(op: Operation): Promise<void>;

  create(
    request: ContainerCreateRequest,
    options: { name?: string | undefined; platform?: string | undefined },
    op: Operation,
  ): Promise<ContainerCreateResponse>;
  /** `notModified` when it runs already. */
  start(ref: string, op: Operation): Promise<void>;
  /** `notModified` when it is stopped. `timeout` in seconds, -1 waits for ever. */
  stop(
    ref: string,
    options: { signal?: string | undefined; timeout?: number | undefined },
    op: Operation,
  ): Promise<void>;
  restart(
    ref: string,
    options: { signal?: string | undefined; timeout?: number | undefined },
    op: Operation,
  ): Promise<void>;
  /** `signal` is a name or number; empty is SIGKILL. */
  kill(ref: string, signal: string, op: Operation): Promise<void>;
  pause(ref: string, op: Operation): Promise<void>;
  unpause(ref: string, op: Operation): Promise<void>;
  /**
   * Registers a waiter at once (errors are thrown here); `response` settles when the condition is met or `op` is
   * cancelled, so that a caller may say "registered" before it.
   */
  wait(ref: string, condition: string, op: Operation): { readonly response: Promise<ContainerWaitResponse> };
  rename(ref: string, name: string, op: Operation): Promise<void>;
  remove(ref: string, options: { force: boolean; volumes: boolean; link?: boolean }, op: Operation): Promise<void>;
  update(ref: string, changes: ContainerUpdateRequest, op: Operation): Promise<ContainerUpdateResponse>;
  prune(filters: Filters, op: Operation): Promise<ContainerPruneResponse>;

  list(
    query: { all: boolean; limit: number; size: boolean; filters: Filters },
    op: Operation,
  ): Promise<ContainerSummary[]>;
  inspect(ref: string, query: { size: boolean }, op: Operation): Promise<ContainerInspectResponse>;
  /** The full id of `ref`. */
  resolve(ref: string): string;

  /** Log lines as Docker's stream: raw with a terminal, else frames. */
  logs(ref: string, options: LogOptions, op: Operation): Promise<{ tty: boolean; output: Readable }>;
  attach(ref: string, options: AttachOptions, op: Operation): Promise<OpenStreams>;
  resize(ref: string, size: { height: number; width: number }, op: Operation): Promise<void>;
  top(ref: string, psArgs: string, op: Operation): Promise<ContainerTopResponse>;
  /** Samples about a second apart; one when not streaming. */
  stats(
    ref: string,
    query: { stream: boolean; oneShot: boolean },
    op: Operation,
  ): AsyncIterable<ContainerStatsResponse>;

  changes(ref: string, op: Operation): Promise<FilesystemChange[]>;
  export(ref: string, op: Operation): Promise<Readable>;
  archiveStat(ref: string, path: string, op: Operation): Promise<PathStat>;
  archiveGet(ref: string, path: string, op: Operation): Promise<{ stat: PathStat; tar: Readable }>;
  archivePut(ref: string, path: string, tar: Readable, options: ArchivePutOptions, op: Operation): Promise<void>;

  execCreate(ref: string, config: ExecConfig, op: Operation): Promise<{ Id: string }>;
  /** Starts the exec; null when detached. */
  execStart(id: string, config: ExecStartConfig, op: Operation): Promise<OpenStreams | null>;
  execResize(id: string, size: { height: number; width: number }, op: Operation): Promise<void>;
  execInspect(id: string, op: Operation): Promise<ExecInspectResponse>;

  /** Containers made from an image, for `rmi` and `images`. */
  usersOfImage(imageId: string): { id: string; name: string; running: boolean }[];
  /** Mounts of a container, for `--volumes-from`. */
  mountsOf(ref: string): readonly ResolvedMount[];
  /** Numbers for `/info`. */
  counts(): { total: number; running: number; paused: number; stopped: number };
}

export type ArchivePutOptions = Pick<WriteArchiveOptions, "noOverwriteDirNonDir"> & { readonly copyUidGid?: boolean };
