import { existsSync, readdirSync, readFileSync } from "node:fs";
import { arch, hostname, release } from "node:os";
import type { ContainerSummary } from "../api/containers.ts";
import type { Filters } from "../api/filters.ts";
import type { ImageSummary } from "../api/images.ts";
import { maxApiVersion, minApiVersion } from "../api/paths.ts";
import type {
  BuildCache,
  ComponentVersion,
  RuntimeInfo,
  SystemDataUsage,
  SystemInfo,
  SystemVersion,
} from "../api/system.ts";
import type { Volume } from "../api/volumes.ts";
import type { Operation } from "../lib/operation.ts";
import { commit, version } from "../lib/version.ts";
import { logDriverNames } from "../logs/drivers.ts";
import { mirrorsOf, splitMirror } from "../registry/mirrors.ts";
import { maskedProxy } from "../registry/proxies.ts";
import type { HostFacts } from "../runtime/host-facts.ts";
import type { EngineConfig } from "./config.ts";

/** What `info`, `version` and `df` gather from. */
export interface SystemSources {
  readonly config: EngineConfig;
  /** Stable identity of this engine, a UUID. */
  readonly engineId: string;
  readonly host: HostFacts;
  readonly storageDriver: string;
  runtimes(): Readonly<Record<string, RuntimeInfo>>;
  defaultRuntime(): { readonly name: string; readonly version: string };
  readonly firewall: string;
  /** Things that do not work here, or that the engine did on the host's behalf; asked for at each `info`. */
  warnings(): string[];
  counts(): { total: number; running: number; paused: number; stopped: number };
  listeners(): number;
  /** Network drivers that depend on what the kernel has. */
  networkDrivers(): readonly string[];
  /** Names of devices that specifications tell of. */
  devices(): readonly string[];
  containers(op: Operation): Promise<ContainerSummary[]>;
  images(op: Operation): Promise<ImageSummary[]>;
  layersSize(): Promise<number>;
  volumes(op: Operation): Promise<Volume[]>;
  /** Plugins that make volumes. */
  volumeDrivers(): Promise<string[]>;
  buildCache(): Promise<BuildCache[]>;
}

export interface System {
  info(op: Operation): Promise<SystemInfo>;
  version(op: Operation): Promise<SystemVersion>;
  dataUsage(parts: ReadonlySet<string>, op: Operation): Promise<SystemDataUsage>;
}

/** No filter at all. */
export const noFilters: Filters = new Map();

const goArchitectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  arm: "arm",
  ppc64: "ppc64le",
};
const unameMachines: Readonly<Record<string, string>> = {
  x64: "x86_64",
  arm64: "aarch64",
  arm: "armv7l",
  ppc64: "ppc64le",
};

export function createSystem(sources: SystemSources): System {
  return {
    info: (op) => info(sources, op),
    version: async () => describeVersion(sources),
    dataUsage: (parts, op) => dataUsage(sources, parts, op),
  };
}

async function info(sources: SystemSources, op: Operation): Promise<SystemInfo> {
  const { config, host } = sources;
  const counts = sources.counts();
  const images = await sources.images(op);
  const devices = sources.devices();
  const has = (controller: string) => host.controllers.has(controller);
  return {
    ID: sources.engineId,
    Containers: counts.total,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: images.length,
    Driver: sources.storageDriver,
    DriverStatus: [["Supports d_type", "true"]],
    Plugins: {
      Volume: ["local", ...(await sources.volumeDrivers())],
      Network: ["bridge", "host", ...sources.networkDrivers(), "null"],
      Authorization: null,
      Log: [...logDriverNames],
    },
    MemoryLimit: has("memory"),
    SwapLimit: host.swapLimit,
    CpuCfsPeriod: has("cpu"),
    CpuCfsQuota: has("cpu"),
    CPUShares: has("cpu"),
    CPUSet: has("cpuset"),
    PidsLimit: has("pids"),
    IPv4Forwarding: readOr("/proc/sys/net/ipv4/ip_forward", "0") === "1",
    Debug: config.debug,
    NFd: readdirSync("/proc/self/fd").length,
    OomKillDisable: host.cgroupVersion === 1 && has("memory"),
    NGoroutines: readdirSync("/proc/self/task").length,
    SystemTime: new Date().toISOString(),
    LoggingDriver: config.logDriver,
    CgroupDriver: "cgroupfs",
    CgroupVersion: String(host.cgroupVersion),
    NEventsListener: sources.listeners(),
    KernelVersion: release(),
    OperatingSystem: osRelease("PRETTY_NAME"),
    OSVersion: osRelease("VERSION_ID"),
    OSType: "linux",
    Architecture: unameMachines[arch()] ?? arch(),
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: registryConfig(config),
    NCPU: host.cpus,
    MemTotal: host.memory,
    GenericResources: null,
    DockerRootDir: config.dataRoot,
    HttpProxy: maskedProxy(process.env.HTTP_PROXY ?? ""),
    HttpsProxy: maskedProxy(process.env.HTTPS_PROXY ?? ""),
    NoProxy: process.env.NO_PROXY ?? "",
    Name: hostname(),
    Labels: [...config.labels],
    ExperimentalBuild: false,
    ServerVersion: version,
    Runtimes: { ...sources.runtimes() },
    DefaultRuntime: sources.defaultRuntime().name,
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: config.initPath ?? "tini-static",
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: sources.defaultRuntime().version },
    InitCommit: { ID: "" },
    SecurityOptions: securityOptions(sources),
    DefaultAddressPools: config.network.addressPools.map(({ base, size }) => ({ Base: base, Size: size })),
    FirewallBackend: { Driver: sources.firewall },
    CDISpecDirs: [...config.cdiSpecDirs],
    ...(devices.length > 0 ? { DiscoveredDevices: devices.map((ID) => ({ Source: "cdi", ID })) } : {}),
    Warnings: sources.warnings(),
  };
}

function securityOptions({ config, host }: SystemSources): string[] {
  const profile = config.seccompProfile ?? "builtin";
  return [
    ...(host.seccomp ? [`name=seccomp,profile=${profile}`] : []),
    ...(host.apparmor ? ["name=apparmor"] : []),
    ...(host.cgroupVersion === 2 ? ["name=cgroupns"] : []),
    ...(config.noNewPrivileges ? ["name=no-new-privileges"] : []),
  ];
}

function registryConfig(config: EngineConfig): SystemInfo["RegistryConfig"] {
  const networks = config.registry.insecure.filter((entry) => entry.includes("/"));
  const hosts = config.registry.insecure.filter((entry) => !entry.includes("/"));
  const { mirrors } = config.registry;
  const index = (name: string, secure: boolean) => ({
    Name: name,
    Mirrors: mirrorsOf(name, mirrors),
    Secure: secure,
    Official: name === "docker.io",
  });
  const mirrored = mirrors.map((entry) => splitMirror(entry).domain);
  const named = [...new Set(["docker.io", ...mirrored, ...hosts])];
  return {
    InsecureRegistryCIDRs: ["::1/128", "127.0.0.0/8", ...networks],
    IndexConfigs: Object.fromEntries(named.map((name) => [name, index(name, !hosts.includes(name))])),
    Mirrors: mirrorsOf("docker.io", mirrors),
  };
}

function describeVersion(sources: SystemSources): SystemVersion {
  const runtime = sources.defaultRuntime();
  const goArch = goArchitectures[arch()] ?? arch();
  const engine: ComponentVersion = {
    Name: "Engine",
    Version: version,
    Details: {
      ApiVersion: maxApiVersion,
      Arch: goArch,
      BuildTime: "",
      Experimental: "false",
      GitCommit: commit,
      GoVersion: "",
      KernelVersion: release(),
      MinAPIVersion: minApiVersion,
      Os: "linux",
      BunVersion: Bun.version,
    },
  };
  return {
    Platform: { Name: "dhow" },
    Components: [engine, { Name: runtime.name, Version: runtime.version, Details: {} }],
    Version: version,
    ApiVersion: maxApiVersion,
    MinAPIVersion: minApiVersion,
    GitCommit: commit,
    GoVersion: "",
    Os: "linux",
    Arch: goArch,
    KernelVersion: release(),
    BuildTime: "",
  };
}

async function dataUsage(sources: SystemSources, parts: ReadonlySet<string>, op: Operation): Promise<SystemDataUsage> {
  const wants = (part: string) => parts.size === 0 || parts.has(part);
  return {
    LayersSize: wants("image") ? await sources.layersSize() : 0,
    Images: wants("image") ? await sources.images(op) : null,
    Containers: wants("container") ? await sources.containers(op) : null,
    Volumes: wants("volume") ? await sources.volumes(op) : null,
    BuildCache: wants("build-cache") ? await sources.buildCache() : null,
  };
}

function osRelease(key: string): string {
  const file = ["/etc/os-release", "/usr/lib/os-release"].find((path) => existsSync(path));
  const line =
    file &&
    readFileSync(file, "utf8")
      .split("\n")
      .find((one) => one.startsWith(`${key}=`));
  return line ? line.slice(key.length + 1).replace(/^"|"$/g, "") : "";
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return otherwise;
  }
}
