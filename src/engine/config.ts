import type { CacheLimits } from "../builder/cache/cache-rules.ts";
import type { Grant } from "../builder/request-results.ts";

/** Everything the engine is told at its start; made by `daemon/config.ts` from flags and `daemon.json`, then frozen. */
export interface EngineConfig {
  readonly dataRoot: string;
  readonly execRoot: string;
  /** Tells engines on one host apart: prefix of kernel names (tables, links, cgroups). `dhow` for the default exec root. */
  readonly instance: string;
  readonly debug: boolean;
  /** `overlay2` or `vfs`; undefined picks the best that works here. */
  readonly storageDriver: string | undefined;
  /** Name of the OCI runtime used when a container names none; undefined picks crun, then runc. */
  readonly defaultRuntime: string | undefined;
  /** Runtimes by name -> path, besides the built-in `crun` and `runc`. */
  readonly runtimes: Readonly<Record<string, string>>;
  readonly cgroupParent: string | undefined;
  /** Directories of CDI specifications; a later one wins. */
  readonly cdiSpecDirs: readonly string[];
  /** Where plugins are looked for. */
  readonly pluginDirs: readonly string[];
  readonly registry: RegistryConfig;
  readonly network: NetworkConfig;
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly defaultUlimits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>;
  /** `--init` for every container. */
  readonly init: boolean;
  readonly initPath: string | undefined;
  /** Path of a seccomp profile for containers that name none; undefined is the built-in one, `unconfined` none. */
  readonly seccompProfile: string | undefined;
  readonly noNewPrivileges: boolean;
  /** Bytes of /dev/shm where the container says nothing. */
  readonly shmSize: number;
  readonly labels: readonly string[];
  /** Seconds that a container gets to stop when the engine is told to stop all. */
  readonly shutdownTimeout: number;
  readonly maxConcurrentDownloads: number;
  readonly maxConcurrentUploads: number;
  readonly maxDownloadAttempts: number;
  readonly gc: GcPolicy;
  /** What builds may be granted when their callers ask for it. */
  readonly buildGrants: ReadonlySet<Grant>;
  /** How much the build cache may hold. */
  readonly buildCache: CacheLimits;
}

/** What garbage collection removes, and when. */
export interface GcPolicy {
  /** False collects only when asked to. */
  readonly enabled: boolean;
  readonly intervalMs: number;
  /** Images that no container has used for so long go; undefined leaves images alone. */
  readonly imagesUnusedMs: number | undefined;
  /** Containers that have been stopped for so long go; undefined leaves containers alone. */
  readonly containersStoppedMs: number | undefined;
}

export interface RegistryConfig {
  /** Mirrors of Docker Hub, as URLs, tried in order. */
  readonly mirrors: readonly string[];
  /** Hosts, `host:port` or CIDRs that may be spoken to over HTTP or with an unknown certificate. */
  readonly insecure: readonly string[];
}

export interface NetworkConfig {
  /** Device of the default network `bridge`; `none` is for no such network. */
  readonly bridgeName: string;
  /** That device is somebody else's, and must be there. */
  readonly foreignBridge: boolean;
  /** Address and prefix of that device, such as `172.30.0.1/16`; undefined takes the first free pool. */
  readonly bip: string | undefined;
  readonly fixedCidr: string | undefined;
  readonly defaultGateway: string | undefined;
  /** The default network carries IPv6 too; what follows is as the three above. */
  readonly ipv6: boolean;
  readonly bip6: string | undefined;
  readonly fixedCidr6: string | undefined;
  readonly defaultGateway6: string | undefined;
  readonly addressPools: readonly { readonly base: string; readonly size: number }[];
  /** Options of networks that name none of their own, by driver. */
  readonly networkOptions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly mtu: number;
  readonly icc: boolean;
  readonly ipMasquerade: boolean;
  readonly ipForward: boolean;
  /** Published ports are reached at the containers' own addresses, too. */
  readonly directRouting: boolean;
  /** False leaves IPv4 firewalls alone: no rules of ours there. */
  readonly firewall: boolean;
  /** The same for IPv6. */
  readonly firewall6: boolean;
  /** A chain for rules of the user's own is kept before ours. */
  readonly userChain: boolean;
  /** Default host address of published ports. */
  readonly hostBinding: string;
  readonly userlandProxy: boolean;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** What `host-gateway` in `--add-host` stands for; empty means the default bridge's gateway. */
  readonly hostGatewayIps: readonly string[];
}
