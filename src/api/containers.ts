/** Containers on the wire: what is asked for at create, and what is told about them. */
import * as v from "valibot";
import type { Int64 } from "../lib/json.ts";
import { HostConfig } from "./host-config.ts";
import type { GraphDriverData, OCIDescriptor } from "./images.ts";
import { EndpointSettings, type NetworkSettings } from "./networks.ts";
import {
  flag,
  map,
  maybe,
  maybeFlag,
  maybeInt,
  maybeInt64,
  maybeSet,
  maybeText,
  nullableSet,
  text,
  textMap,
  texts,
  words,
} from "./wire.ts";

/** What happens to a container that turns unhealthy: podman's words. */
export const healthActions = ["none", "restart", "stop", "kill"] as const;

/**
 * Durations in nanoseconds; 0 or absent means inherit. Test: `[]`, `["NONE"]`, `["CMD", ...]` or `["CMD-SHELL", line]`.
 * `OnFailure`, one of {@link healthActions}, is not Docker's.
 */
export const HealthConfig = v.object({
  Test: maybe(v.array(v.string())),
  Interval: maybeInt64(),
  Timeout: maybeInt64(),
  StartPeriod: maybeInt64(),
  StartInterval: maybeInt64(),
  Retries: maybeInt(),
  OnFailure: maybeText(),
});
export type HealthConfig = v.InferOutput<typeof HealthConfig>;

const containerConfig = {
  Hostname: text(),
  Domainname: text(),
  User: text(),
  AttachStdin: flag(),
  AttachStdout: flag(),
  AttachStderr: flag(),
  ExposedPorts: maybeSet(),
  Tty: flag(),
  OpenStdin: flag(),
  StdinOnce: flag(),
  Env: texts(),
  Cmd: words(),
  Healthcheck: maybe(HealthConfig),
  ArgsEscaped: maybeFlag(),
  Image: text(),
  Volumes: nullableSet(),
  WorkingDir: text(),
  Entrypoint: words(),
  NetworkDisabled: maybeFlag(),
  MacAddress: maybeText(),
  OnBuild: texts(),
  Labels: textMap(),
  StopSignal: maybeText(),
  StopTimeout: maybeInt(),
  Shell: maybe(v.array(v.string())),
};

export const ContainerConfig = v.object(containerConfig);
export type ContainerConfig = v.InferOutput<typeof ContainerConfig>;

export const NetworkingConfig = v.object({
  EndpointsConfig: map(
    v.pipe(
      v.nullable(EndpointSettings),
      v.transform((endpoint): EndpointSettings => endpoint ?? v.parse(EndpointSettings, {})),
    ),
  ),
});
export type NetworkingConfig = v.InferOutput<typeof NetworkingConfig>;

/** The body of `POST /containers/create`. */
export const ContainerCreateRequest = v.object({
  ...containerConfig,
  HostConfig: v.nullish(HostConfig, () => ({})),
  NetworkingConfig: v.nullish(NetworkingConfig, () => ({})),
});
export type ContainerCreateRequest = v.InferOutput<typeof ContainerCreateRequest>;

export interface ContainerCreateResponse {
  Id: string;
  Warnings: string[];
}

export type ContainerStatus = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

export interface HealthcheckResult {
  Start: string;
  End: string;
  ExitCode: number;
  Output: string;
}

export interface Health {
  Status: "none" | "starting" | "healthy" | "unhealthy";
  FailingStreak: number;
  Log: HealthcheckResult[] | null;
}

/** Times are RFC 3339 with nanoseconds; `0001-01-01T00:00:00Z` means never. */
export interface ContainerState {
  Status: ContainerStatus;
  Running: boolean;
  Paused: boolean;
  Restarting: boolean;
  OOMKilled: boolean;
  Dead: boolean;
  Pid: number;
  ExitCode: number;
  Error: string;
  StartedAt: string;
  FinishedAt: string;
  Health?: Health;
}

/** A mount as it is in a container. */
export interface MountPoint {
  Type: string;
  Name?: string;
  Source: string;
  Destination: string;
  Driver?: string;
  Mode: string;
  RW: boolean;
  Propagation: string;
}

export interface ContainerInspectResponse {
  Id: string;
  Created: string;
  Path: string;
  Args: string[];
  State: ContainerState;
  Image: string;
  ResolvConfPath: string;
  HostnamePath: string;
  HostsPath: string;
  LogPath: string;
  Name: string;
  RestartCount: number;
  Driver: string;
  Platform: string;
  MountLabel: string;
  ProcessLabel: string;
  AppArmorProfile: string;
  ExecIDs: string[] | null;
  HostConfig: HostConfig;
  GraphDriver: GraphDriverData;
  SizeRw?: number;
  SizeRootFs?: number;
  Mounts: MountPoint[];
  Config: ContainerConfig;
  NetworkSettings: NetworkSettings;
  ImageManifestDescriptor?: OCIDescriptor;
}

/** A published (or only exposed: no `PublicPort`) port in a list of containers. */
export interface Port {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

export interface ContainerSummary {
  Id: string;
  Names: string[];
  Image: string;
  ImageID: string;
  ImageManifestDescriptor?: OCIDescriptor;
  Command: string;
  /** Unix seconds. */
  Created: number;
  Ports: Port[];
  SizeRw?: number;
  SizeRootFs?: number;
  Labels: Record<string, string>;
  State: ContainerStatus;
  Status: string;
  HostConfig: { NetworkMode?: string; Annotations?: Record<string, string> };
  NetworkSettings: { Networks: Record<string, EndpointSettings> };
  Mounts: MountPoint[];
}

export interface ContainerTopResponse {
  Titles: string[];
  Processes: string[][];
}

export interface ContainerUpdateResponse {
  Warnings: string[] | null;
}

export interface ContainerWaitResponse {
  StatusCode: number;
  Error?: { Message: string };
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

export interface ContainerPruneResponse {
  ContainersDeleted: string[] | null;
  SpaceReclaimed: Int64;
}

/** One path of `docker diff`: 0 modified, 1 added, 2 deleted. */
export interface FilesystemChange {
  Path: string;
  Kind: 0 | 1 | 2;
}

/** What the header `X-Docker-Container-Path-Stat` carries, base64 of its JSON. `mode` is Go's os.FileMode. */
export interface ContainerPathStat {
  name: string;
  size: number;
  mode: number;
  mtime: string;
  linkTarget: string;
}
