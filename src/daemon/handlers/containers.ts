import type { Readable } from "node:stream";
import type { ContainerStatsResponse } from "../../api/container-stats.ts";
import type {
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspectResponse,
  ContainerPathStat,
  ContainerPruneResponse,
  ContainerSummary,
  ContainerTopResponse,
  ContainerUpdateResponse,
  ContainerWaitResponse,
  FilesystemChange,
  WaitCondition,
} from "../../api/containers.ts";
import type { Filters } from "../../api/filters.ts";
import type { ContainerUpdateRequest } from "../../api/host-config.ts";
import type { Operation } from "../../lib/operation.ts";
import type { StdioSession } from "../stdio-session.ts";

export interface ContainerListQuery {
  readonly all: boolean;
  /** 0 means no limit. */
  readonly limit: number;
  readonly size: boolean;
  readonly filters: Filters;
}

export interface LogsQuery {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Unix nanoseconds; undefined means unbounded. */
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly timestamps: boolean;
  readonly details: boolean;
  /** Undefined means all lines. */
  readonly tail: number | undefined;
}

export interface AttachQuery {
  /** Replay what was logged before. */
  readonly logs: boolean;
  /** Go on with what comes; false ends after the replay. */
  readonly stream: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface CommitRequest {
  readonly container: string;
  readonly repo: string;
  readonly tag: string;
  readonly comment: string;
  readonly author: string;
  readonly pause: boolean;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** Overrides of the container's configuration; null when the body was empty. */
  readonly config: ContainerConfig | null;
}

/**
 * What the container routes need. `ref` is an id, an unambiguous prefix of one, or a name, as the client gave it. Errors are
 * DhowErrors in dockerd's words; `notModified` where dockerd answers 304 (start of a running, stop of a stopped container).
 */
export interface ContainersBackend {
  list(query: ContainerListQuery, op: Operation): Promise<ContainerSummary[]>;
  /** `name` is "" when the engine is to choose. */
  create(
    request: { name: string; platform: string; body: ContainerCreateRequest },
    op: Operation,
  ): Promise<ContainerCreateResponse>;
  inspect(ref: string, query: { size: boolean }, op: Operation): Promise<ContainerInspectResponse>;
  top(ref: string, psArgs: string, op: Operation): Promise<ContainerTopResponse>;
  /** Stream as a {@link StdioSession}'s output; with `follow` it ends when the container stops. */
  logs(ref: string, query: LogsQuery, op: Operation): Promise<{ tty: boolean; output: Readable }>;
  changes(ref: string, op: Operation): Promise<FilesystemChange[]>;
  /** A tar of the root file system. */
  export(ref: string, op: Operation): Promise<Readable>;
  /** One sample, or one a second until the operation is cancelled or the container is gone. */
  stats(
    ref: string,
    query: { stream: boolean; oneShot: boolean },
    op: Operation,
  ): Promise<AsyncIterable<ContainerStatsResponse>>;
  resize(ref: string, size: { height: number; width: number }, op: Operation): Promise<void>;
  start(ref: string, op: Operation): Promise<void>;
  /** `timeout` in seconds, -1 waits for ever, undefined takes the container's; `signal` "" likewise. */
  stop(ref: string, query: { signal: string; timeout: number | undefined }, op: Operation): Promise<void>;
  restart(ref: string, query: { signal: string; timeout: number | undefined }, op: Operation): Promise<void>;
  /** A name, with or without SIG, or a number as text; "" means SIGKILL. */
  kill(ref: string, signal: string, op: Operation): Promise<void>;
  update(ref: string, request: ContainerUpdateRequest, op: Operation): Promise<ContainerUpdateResponse>;
  rename(ref: string, name: string, op: Operation): Promise<void>;
  pause(ref: string, op: Operation): Promise<void>;
  unpause(ref: string, op: Operation): Promise<void>;
  /** Resolves when no byte can be lost any more; allowed before start. */
  attach(ref: string, query: AttachQuery, op: Operation): Promise<StdioSession>;
  /** Resolves when the wait is registered, so that the client knows; `outcome` follows in its own time. */
  wait(ref: string, condition: WaitCondition, op: Operation): Promise<{ outcome: Promise<ContainerWaitResponse> }>;
  remove(ref: string, query: { volumes: boolean; force: boolean; link: boolean }, op: Operation): Promise<void>;
  statPath(ref: string, path: string, op: Operation): Promise<ContainerPathStat>;
  getArchive(ref: string, path: string, op: Operation): Promise<{ stat: ContainerPathStat; tar: Readable }>;
  putArchive(
    ref: string,
    query: { path: string; noOverwriteDirNonDir: boolean; copyUidGid: boolean },
    tar: Readable,
    op: Operation,
  ): Promise<void>;
  prune(filters: Filters, op: Operation): Promise<ContainerPruneResponse>;
  commit(request: CommitRequest, op: Operation): Promise<{ Id: string }>;
}
