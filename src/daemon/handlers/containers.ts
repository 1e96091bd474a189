import type { Readable } from "node:stream";
import type { ContainerStatsResponse } from "../../api/container-stats.ts";
import {
  ContainerConfig,
  type ContainerCreateRequest,
  type ContainerCreateResponse,
  type ContainerInspectResponse,
  type ContainerPathStat,
  type ContainerPruneResponse,
  type ContainerSummary,
  type ContainerTopResponse,
  type ContainerUpdateResponse,
  type ContainerWaitResponse,
  type FilesystemChange,
  type WaitCondition,
} from "../../api/containers.ts";
import type { Filters } from "../../api/filters.ts";
import type { ContainerUpdateRequest } from "../../api/host-config.ts";
import type { paths } from "../../api/paths.ts";
import type { QueryOf } from "../../api/route-spec.ts";
import { startingHeader } from "../../api/session.ts";
import { readDetachKeys } from "../../lib/detach-keys.ts";
import { invalidArgument, notImplemented } from "../../lib/errors.ts";
import { stringifyJson } from "../../lib/json.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Handlers } from "../call.ts";
import { stdioType } from "../hijack.ts";
import { placeMacAddress } from "../mac-address.ts";
import { withOldAliases } from "../old-aliases.ts";
import type { StdioSession } from "../stdio-session.ts";
import { parseTimestamp } from "../timestamps.ts";
import { ignore } from "./ignore.ts";
import { terminalSize } from "./terminal-size.ts";

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
  /**
   * Attaches and starts; the process is not made before the streams are in place. `notModified` when it runs already. The
   * session's outcome is that of a wait for `until`.
   */
  attachAndStart(ref: string, query: AttachQuery, until: WaitCondition, op: Operation): Promise<StdioSession>;
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

/** Handlers of the container routes. */
export function containerHandlers(containers: ContainersBackend) {
  return {
    containerList: async ({ query, op }) =>
      containers.list(
        {
          all: query.all,
          limit: Math.max(0, query.limit ?? 0),
          size: query.size,
          filters: withOldMarks(query.filters, query),
        },
        op,
      ),
    containerCreate: async ({ query, body: asked, rawBody, version, op }) => {
      if (!hasConfig(rawBody)) throw invalidArgument("config cannot be empty in order to create a container");
      const { body, warnings } = placeMacAddress(asked, version);
      const created = await containers.create({ name: query.name, platform: query.platform, body }, op);
      return { ...created, Warnings: [...created.Warnings, ...warnings] };
    },
    containerInspect: async ({ params, query, version, op }) =>
      withOldAliases(await containers.inspect(params.id, query, op), version),
    containerTop: async ({ params, query, op }) => containers.top(params.id, query.ps_args, op),
    containerLogs: async ({ params, query, version, op }) => {
      if (!query.stdout && !query.stderr) {
        throw invalidArgument("Bad parameters: you must choose at least one stream");
      }
      const { tty, output } = await containers.logs(params.id, logsQuery(query), op);
      return { type: stdioType(tty, version), stream: output };
    },
    containerChanges: async ({ params, op }) => containers.changes(params.id, op),
    containerExport: async ({ params, op }) => ({
      type: "application/octet-stream",
      stream: await containers.export(params.id, op),
    }),
    containerStats: async ({ params, query, op }) => {
      const oneShot = query["one-shot"];
      if (query.stream && oneShot) throw invalidArgument("cannot have stream=true and one-shot=true");
      return containers.stats(params.id, { stream: query.stream, oneShot }, op);
    },
    containerResize: async ({ params, query, op }) => ignore(containers.resize(params.id, terminalSize(query), op)),
    containerStart: async ({ params, query, op }) => {
      if (query.checkpoint !== "") throw invalidArgument("checkpoint is only supported in experimental mode");
      return ignore(containers.start(params.id, op));
    },
    containerStop: async ({ params, query, op }) =>
      ignore(containers.stop(params.id, { signal: query.signal, timeout: query.t }, op)),
    containerRestart: async ({ params, query, op }) =>
      ignore(containers.restart(params.id, { signal: query.signal, timeout: query.t }, op)),
    containerKill: async ({ params, query, op }) => ignore(containers.kill(params.id, query.signal, op)),
    containerUpdate: async ({ params, body, op }) => containers.update(params.id, body, op),
    containerRename: async ({ params, query, op }) => {
      if (query.name === "") throw invalidArgument("Neither old nor new names may be empty");
      return ignore(containers.rename(params.id, query.name, op));
    },
    containerPause: async ({ params, op }) => ignore(containers.pause(params.id, op)),
    containerUnpause: async ({ params, op }) => ignore(containers.unpause(params.id, op)),
    containerAttach: async ({ params, query, setHeader, op }) => {
      const { detachKeys, start, ...streams } = query;
      readDetachKeys(detachKeys);
      if (start === "") return withKeys(await containers.attach(params.id, streams, op), detachKeys);
      const until = waitCondition(start);
      setHeader(startingHeader, "1");
      return withKeys(await containers.attachAndStart(params.id, streams, until, op), detachKeys);
    },
    containerAttachWebsocket: async ({ params, op }) => {
      await containers.inspect(params.id, { size: false }, op);
      throw notImplemented("attaching over a WebSocket is not supported by this engine yet");
    },
    containerWait: async ({ params, query, op }) => containers.wait(params.id, waitCondition(query.condition), op),
    containerRemove: async ({ params, query, op }) =>
      ignore(containers.remove(params.id, { volumes: query.v, force: query.force, link: query.link }, op)),
    containerStatPath: async ({ params, query, setHeader, op }) => {
      const stat = await containers.statPath(params.id, archivePath(query.path), op);
      setHeader(pathStatHeader, encodePathStat(stat));
    },
    containerGetArchive: async ({ params, query, setHeader, op }) => {
      const { stat, tar } = await containers.getArchive(params.id, archivePath(query.path), op);
      setHeader(pathStatHeader, encodePathStat(stat));
      return { type: "application/x-tar", stream: tar };
    },
    containerPutArchive: async ({ params, query, input, op }) => {
      const { noOverwriteDirNonDir, copyUIDGID } = query;
      const path = archivePath(query.path);
      return ignore(
        containers.putArchive(params.id, { path, noOverwriteDirNonDir, copyUidGid: copyUIDGID }, input, op),
      );
    },
    containerPrune: async ({ query, op }) => containers.prune(query.filters, op),
    commit: async ({ query, body, rawBody, op }) =>
      containers.commit({ ...query, config: rawBody === undefined || rawBody === null ? null : body }, op),
  } satisfies Partial<Handlers>;
}

const pathStatHeader = "X-Docker-Container-Path-Stat";

function encodePathStat(stat: ContainerPathStat): string {
  return Buffer.from(stringifyJson(stat)).toString("base64");
}

function archivePath(path: string): string {
  if (path === "") throw invalidArgument("bad parameter: pathcannot be empty");
  return path;
}

/** True when the body says anything about the container itself, not only about its host or networks. */
function hasConfig(body: unknown): boolean {
  return typeof body === "object" && body !== null && Object.keys(body).some((key) => key in ContainerConfig.entries);
}

/** `since` and `before` were parameters of their own once. */
function withOldMarks(filters: Filters, query: { since: string; before: string }): Filters {
  if (query.since === "" && query.before === "") return filters;
  const all = new Map(filters);
  if (query.since !== "") all.set("since", [query.since]);
  if (query.before !== "") all.set("before", [query.before]);
  return all;
}

function logsQuery(query: QueryOf<(typeof paths)["containerLogs"]>): LogsQuery {
  const { since, until, tail, ...flags } = query;
  const lines = /^\d+$/.test(tail) ? Number(tail) : undefined;
  // dockerd takes an end at 0 for none.
  return { ...flags, since: parseTimestamp(since), until: parseTimestamp(until) || undefined, tail: lines };
}

function waitCondition(condition: string): WaitCondition {
  switch (condition) {
    case "":
    case "not-running":
      return "not-running";
    case "next-exit":
    case "removed":
      return condition;
    default:
      throw invalidArgument(`invalid condition: ${JSON.stringify(condition)}`);
  }
}

function withKeys(session: StdioSession, detachKeys: string): StdioSession {
  return {
    tty: session.tty,
    output: session.output,
    input: session.input,
    detachKeys,
    ...(session.outcome && { outcome: session.outcome }),
    close: (reason) => session.close(reason),
  };
}
