import * as v from "valibot";
import { ContainerConfig, type ContainerStatus, type Health } from "../api/containers.ts";
import { HostConfig } from "../api/host-config.ts";
import { EndpointSettings } from "../api/networks.ts";
import { parseWire } from "../api/wire.ts";
import type { RecordKind } from "../state/record-store.ts";
import type { ResolvedMount } from "../volumes/mounts.ts";

/** Go's zero time: "never". */
export const zeroTime = "0001-01-01T00:00:00Z";

/** Where a container's process stands. */
export interface RunState {
  readonly status: ContainerStatus;
  /** 0 unless running. */
  readonly pid: number;
  /** With the pid, the identity of the process; empty unless running. */
  readonly startTime: string;
  readonly exitCode: number;
  readonly error: string;
  readonly oomKilled: boolean;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly health?: Health | undefined;
}

/** A container that another one knows by an alias of its own. */
export interface LinkRecord {
  readonly id: string;
  /** What it was called when the link was made. */
  readonly name: string;
  readonly alias: string;
}

/** What is kept of one container. Replaced as a whole, never changed in place. */
export interface ContainerRecord {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly created: string;
  readonly path: string;
  readonly args: readonly string[];
  /** The image's defaults are merged in. */
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** What the user asked of each network, by name or id. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  /** Links on the default bridge; those on other networks are endpoints' own. */
  readonly links?: readonly LinkRecord[] | undefined;
  /** Config digest. */
  readonly image: string;
  readonly imageDescriptor?: { readonly mediaType: string; readonly digest: string; readonly size: number } | null;
  readonly chainId: string | null;
  readonly driver: string;
  readonly mounts: readonly ResolvedMount[];
  readonly runtime: string;
  readonly apparmorProfile: string;
  readonly restartCount: number;
  /** Stopped or killed by a user since its last start: restart policies leave it alone. */
  readonly manuallyStopped: boolean;
  readonly state: RunState;
}

/** The state of a container that has never run. */
export const freshState: RunState = {
  status: "created",
  pid: 0,
  startTime: "",
  exitCode: 0,
  error: "",
  oomKilled: false,
  startedAt: zeroTime,
  finishedAt: zeroTime,
};

const text = v.string();
const healthSchema = v.object({
  Status: v.picklist(["none", "starting", "healthy", "unhealthy"]),
  FailingStreak: v.number(),
  Log: v.nullable(v.array(v.object({ Start: text, End: text, ExitCode: v.number(), Output: text }))),
});

const recordSchema = v.object({
  id: v.pipe(text, v.regex(/^[0-9a-f]{64}$/)),
  name: v.pipe(text, v.minLength(1)),
  created: text,
  path: text,
  args: v.array(text),
  config: ContainerConfig,
  hostConfig: HostConfig,
  endpoints: v.record(text, EndpointSettings),
  links: v.optional(v.array(v.object({ id: text, name: text, alias: text }))),
  image: text,
  imageDescriptor: v.nullish(v.object({ mediaType: text, digest: text, size: v.number() }), null),
  chainId: v.nullable(text),
  driver: text,
  mounts: v.array(
    v.object({
      type: v.picklist(["bind", "volume", "tmpfs", "image"]),
      image: v.exactOptional(text),
      destination: text,
      source: text,
      name: text,
      driver: text,
      mode: text,
      readOnly: v.boolean(),
      propagation: text,
      nonRecursive: v.boolean(),
      readOnlyNonRecursive: v.boolean(),
      readOnlyForceRecursive: v.boolean(),
      createSource: v.boolean(),
      copyUp: v.boolean(),
      subpath: text,
      idmap: v.optional(text, ""),
      anonymous: v.boolean(),
      tmpfsOptions: v.array(text),
      listed: v.boolean(),
    }),
  ),
  runtime: text,
  apparmorProfile: text,
  restartCount: v.number(),
  manuallyStopped: v.boolean(),
  state: v.object({
    status: v.picklist(["created", "running", "paused", "restarting", "removing", "exited", "dead"]),
    pid: v.number(),
    startTime: text,
    exitCode: v.number(),
    error: text,
    oomKilled: v.boolean(),
    startedAt: text,
    finishedAt: text,
    health: v.optional(healthSchema),
  }),
});

/** How containers are kept in the engine's database. */
export const containerRecords: RecordKind<ContainerRecord> = {
  table: "containers",
  version: 1,
  parse: (document) => parseWire(recordSchema, document),
  unique: { name: (record) => record.name },
};
