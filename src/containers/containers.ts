import type { Readable, Writable } from "node:stream";
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
  WaitCondition,
} from "../api/containers.ts";
import type { ExecConfig, ExecInspectResponse } from "../api/exec.ts";
import type { Filters } from "../api/filters.ts";
import type { ContainerUpdateRequest } from "../api/host-config.ts";
import type { EndpointSettings } from "../api/networks.ts";
import type { CheckReport } from "../images/check/report.ts";
import type { Operation } from "../lib/operation.ts";
import type { EndpointChange } from "../networks/networks.ts";
import type { PathStat } from "../snapshots/archive.ts";
import type { ResolvedMount } from "../volumes/mounts.ts";
import type { ContainerRecord } from "./record.ts";

export interface LogsQuery {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Nanoseconds since the epoch; undefined is no bound. */
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly timestamps: boolean;
  readonly details: boolean;
  /** Undefined is all lines. */
  readonly tail: number | undefined;
}

export interface AttachQuery {
  /** Begin with what was logged so far. */
  readonly logs: boolean;
  /** Live output; false gives only what `logs` asks for. */
  readonly stream: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** A client's end of a process's stdio; `output` is raw with a terminal, else Docker's frames. */
export interface StdioSession {
  readonly tty: boolean;
  readonly output: Readable;
  /** Null when stdin is not wanted or not open; `end()` is the client's half-close. */
  readonly input: Writable | null;
  /** How the process ended; to be asked after the output's end. */
  readonly outcome?: () => Promise<ContainerWaitResponse>;
  /** Lets go of the process, which runs on. Harmless when repeated. */
  close(reason: "finished" | "gone" | "detached"): void;
}

export interface StopQuery {
  /** Name or number; empty takes the container's own. */
  readonly signal: string;
  /** Seconds, -1 waits for ever; undefined takes the container's own. */
  readonly timeout: number | undefined;
}

export interface TerminalSize {
  readonly height: number;
  readonly width: number;
}

/**
 * The containers of the engine. `ref` is a full id, a unique prefix of one, or a name with or without its slash; an
 * unknown one is `notFound` (`No such container: REF`). All methods may be called at once; what changes a container
 * runs one at a time for it.
 */
export interface Containers extends AsyncDisposable {
  /**
   * Reads the records, asks the runtime what runs, and finishes or undoes what a crash left of containers' files.
   * Returns the ids of the containers that run, for networks to reconcile. Call once, before anything else.
   */
  restore(): Promise<ReadonlySet<string>>;
  /** Takes the exits that happened meanwhile, and applies restart policies. Call once networks are restored. */
  resume(): Promise<void>;
  /** Stops all running containers with their grace time, for `daemon stop --all`. */
  stopAll(): Promise<void>;

  create(
    request: { readonly name: string; readonly platform: string; readonly body: ContainerCreateRequest },
    op: Operation,
  ): Promise<ContainerCreateResponse>;
  /** `notModified` when it runs already. */
  start(ref: string, op: Operation): Promise<void>;
  /** `notModified` when it is stopped. */
  stop(ref: string, query: StopQuery, op: Operation): Promise<void>;
  restart(ref: string, query: StopQuery, op: Operation): Promise<void>;
  /** `signal` is a name or number; empty is SIGKILL. */
  kill(ref: string, signal: string, op: Operation): Promise<void>;
  /** `forNow` is for a caller that unpauses by itself: the next engine thaws the container if this one dies before that. */
  pause(ref: string, op: Operation, options?: { readonly forNow?: boolean }): Promise<void>;
  unpause(ref: string, op: Operation): Promise<void>;
  /** Resolves when the waiter is registered; `outcome` follows in its own time, or rejects when `op` is cancelled. */
  wait(
    ref: string,
    condition: WaitCondition,
    op: Operation,
  ): Promise<{ readonly outcome: Promise<ContainerWaitResponse> }>;
  rename(ref: string, name: string, op: Operation): Promise<void>;
  remove(
    ref: string,
    query: { readonly volumes: boolean; readonly force: boolean; readonly link: boolean },
    op: Operation,
  ): Promise<void>;
  update(ref: string, changes: ContainerUpdateRequest, op: Operation): Promise<ContainerUpdateResponse>;
  prune(filters: Filters, op: Operation): Promise<ContainerPruneResponse>;

  list(query: ListQuery, op: Operation): Promise<ContainerSummary[]>;
  inspect(ref: string, query: { readonly size: boolean }, op: Operation): Promise<ContainerInspectResponse>;
  /** The full id of `ref`. */
  resolve(ref: string): string;

  logs(ref: string, query: LogsQuery, op: Operation): Promise<{ tty: boolean; output: Readable }>;
  /** Allowed before the start: the session then begins with the first byte. */
  attach(ref: string, query: AttachQuery, op: Operation): Promise<StdioSession>;
  /** Attaches and starts, the process not before the streams are in place; the session tells the outcome of a wait. */
  attachAndStart(ref: string, query: AttachQuery, until: WaitCondition, op: Operation): Promise<StdioSession>;
  resize(ref: string, size: TerminalSize, op: Operation): Promise<void>;
  top(ref: string, psArgs: string, op: Operation): Promise<ContainerTopResponse>;
  /** Samples about a second apart; one when not streaming. */
  stats(
    ref: string,
    query: { readonly stream: boolean; readonly oneShot: boolean },
    op: Operation,
  ): Promise<AsyncIterable<ContainerStatsResponse>>;

  changes(ref: string, op: Operation): Promise<FilesystemChange[]>;
  export(ref: string, op: Operation): Promise<Readable>;
  statPath(ref: string, path: string, op: Operation): Promise<PathStat>;
  getArchive(ref: string, path: string, op: Operation): Promise<{ stat: PathStat; tar: Readable }>;
  putArchive(
    ref: string,
    query: { readonly path: string; readonly noOverwriteDirNonDir: boolean; readonly copyUidGid: boolean },
    tar: Readable,
    op: Operation,
  ): Promise<void>;

  readonly execs: Execs;

  /** Looks at what every container needs; with `leftovers` also at what belongs to none. Answers how many there are. */
  check(report: CheckReport, options: { readonly leftovers: boolean }): Promise<number>;
  /** True when there is, or is about to be, a container of that id. */
  isKnown(id: string): boolean;
  /**
   * Names of the containers that read an unpacked layer now or may at any moment: of `keys`, or with an image of `images` mounted.
   * What is only stopped is none of them.
   */
  readers(keys: readonly string[], images: ReadonlySet<string>): string[];
  /** Containers made from an image, for `rmi` and `images`. */
  usersOfImage(imageId: string): { id: string; name: string; running: boolean }[];
  /** What an image is made of when a container is committed: its config, image, and writable layer's key. */
  committable(ref: string): {
    readonly record: ContainerRecord;
    readonly running: boolean;
    /** To be told when the image is there. */
    readonly committed: (image: { imageID: string; imageRef: string; comment: string }) => void;
  };
  /**
   * Changes what a container asks of the network of that name, null being nothing. Nobody starts, ends or removes the
   * container meanwhile; `change` comes first, and nothing is recorded when it fails.
   */
  setEndpoint(ref: string, network: string, endpoint: EndpointSettings | null, change: EndpointChange): Promise<void>;
  /** Mounts of a container, for `--volumes-from`. */
  mountsOf(ref: string): readonly ResolvedMount[];
  /** Numbers for `/info`. */
  counts(): { total: number; running: number; paused: number; stopped: number };
}

export interface ListQuery {
  readonly all: boolean;
  /** 0 is no limit. */
  readonly limit: number;
  readonly size: boolean;
  readonly filters: Filters;
}

/** Processes run inside running containers; `id` is the exec's own. */
export interface Execs {
  create(container: string, config: ExecConfig, op: Operation): Promise<{ Id: string }>;
  /** Starts the process; a session unless `detach`, attached before the process runs. */
  start(
    id: string,
    query: {
      readonly detach: boolean;
      readonly tty: boolean;
      readonly consoleSize: readonly [rows: number, columns: number] | undefined;
    },
    op: Operation,
  ): Promise<StdioSession | null>;
  resize(id: string, size: TerminalSize, op: Operation): Promise<void>;
  inspect(id: string, op: Operation): Promise<ExecInspectResponse>;
}
