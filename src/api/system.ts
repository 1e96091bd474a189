/** The engine about itself, on the wire. */
import * as v from "valibot";
import type { Int64 } from "../lib/json.ts";
import type { ContainerSummary } from "./containers.ts";
import type { ImageSummary } from "./images.ts";
import type { Volume } from "./volumes.ts";
import { text } from "./wire.ts";

/** Credentials for one registry: the body of `POST /auth` and, as base64url JSON, the header `X-Registry-Auth`. */
export const AuthConfig = v.object({
  username: text(),
  password: text(),
  auth: text(),
  email: text(),
  serveraddress: text(),
  identitytoken: text(),
  registrytoken: text(),
});
export type AuthConfig = v.InferOutput<typeof AuthConfig>;

export interface AuthResponse {
  Status: string;
  IdentityToken: string;
}

export interface ComponentVersion {
  Name: string;
  Version: string;
  Details?: Record<string, string>;
}

export interface SystemVersion {
  Platform: { Name: string };
  Components: ComponentVersion[];
  Version: string;
  ApiVersion: string;
  MinAPIVersion: string;
  GitCommit: string;
  GoVersion: string;
  Os: string;
  Arch: string;
  KernelVersion: string;
  Experimental?: boolean;
  BuildTime: string;
}

export interface PluginsInfo {
  Volume: string[];
  Network: string[];
  Authorization: string[] | null;
  Log: string[];
}

export interface IndexInfo {
  Name: string;
  Mirrors: string[];
  Secure: boolean;
  Official: boolean;
}

export interface RegistryServiceConfig {
  InsecureRegistryCIDRs: string[] | null;
  IndexConfigs: Record<string, IndexInfo>;
  Mirrors: string[] | null;
}

export interface RuntimeInfo {
  path?: string;
  runtimeArgs?: string[];
  status?: Record<string, string>;
}

export interface Commit {
  ID: string;
}

export interface SwarmInfo {
  NodeID: string;
  NodeAddr: string;
  LocalNodeState: "" | "inactive" | "pending" | "active" | "error" | "locked";
  ControlAvailable: boolean;
  Error: string;
  RemoteManagers: { NodeID: string; Addr: string }[] | null;
  Nodes?: number;
  Managers?: number;
}

export interface SystemInfo {
  ID: string;
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  Driver: string;
  DriverStatus: [string, string][];
  SystemStatus?: [string, string][] | null;
  Plugins: PluginsInfo;
  MemoryLimit: boolean;
  SwapLimit: boolean;
  KernelMemory?: boolean;
  KernelMemoryTCP?: boolean;
  CpuCfsPeriod: boolean;
  CpuCfsQuota: boolean;
  CPUShares: boolean;
  CPUSet: boolean;
  PidsLimit: boolean;
  IPv4Forwarding: boolean;
  Debug: boolean;
  NFd: number;
  OomKillDisable: boolean;
  NGoroutines: number;
  SystemTime: string;
  LoggingDriver: string;
  CgroupDriver: string;
  CgroupVersion?: string;
  NEventsListener: number;
  KernelVersion: string;
  OperatingSystem: string;
  OSVersion: string;
  OSType: string;
  Architecture: string;
  IndexServerAddress: string;
  RegistryConfig: RegistryServiceConfig;
  NCPU: number;
  MemTotal: Int64;
  GenericResources: unknown[] | null;
  DockerRootDir: string;
  HttpProxy: string;
  HttpsProxy: string;
  NoProxy: string;
  Name: string;
  Labels: string[];
  ExperimentalBuild: boolean;
  ServerVersion: string;
  Runtimes: Record<string, RuntimeInfo>;
  DefaultRuntime: string;
  Swarm: SwarmInfo;
  LiveRestoreEnabled: boolean;
  Isolation: string;
  InitBinary: string;
  ContainerdCommit: Commit;
  RuncCommit: Commit;
  InitCommit: Commit;
  SecurityOptions: string[];
  ProductLicense?: string;
  DefaultAddressPools?: { Base: string; Size: number }[];
  FirewallBackend?: { Driver: string; Info?: [string, string][] };
  CDISpecDirs: string[];
  DiscoveredDevices?: { Source: string; ID: string }[];
  Containerd?: { Address?: string; Namespaces: { Containers: string; Plugins: string } };
  Warnings: string[] | null;
}

export interface BuildCache {
  ID: string;
  Parents?: string[];
  Type: string;
  Description: string;
  InUse: boolean;
  Shared: boolean;
  Size: number;
  CreatedAt: string;
  LastUsedAt: string | null;
  UsageCount: number;
}

/** `GET /system/df`; a part that was not asked for is null. */
export interface SystemDataUsage {
  LayersSize: number;
  Images: ImageSummary[] | null;
  Containers: ContainerSummary[] | null;
  Volumes: Volume[] | null;
  BuildCache: BuildCache[] | null;
}

/** `POST /dhow/v1/gc`: what was removed, or with `dryRun` would be. */
export interface GcReport {
  DryRun: boolean;
  Containers: { ID: string; Name: string; StoppedSince: string; Size: number }[];
  Images: { ID: string; RepoTags: string[]; UnusedSince: string; Size: number }[];
  SpaceReclaimed: number;
}
