/**
 * What {@link buildSpec} is told. Everything is data: names are resolved, files are read and the host is probed
 * elsewhere, so that the same input always gives the same bundle.
 */
import type { Int64 } from "../../lib/json.ts";
import type { HostFacts } from "../host-facts.ts";
import type { OciDevice, OciDeviceRule, OciMount, OciRlimit, OciSeccomp } from "./oci.ts";

/** The fields of the wire type ContainerConfig that shape the process, image defaults already merged in. */
export interface SpecConfig {
  readonly Hostname?: string | null;
  readonly Domainname?: string | null;
  readonly Tty?: boolean | null;
  readonly Env?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly WorkingDir?: string | null;
}

interface DevicePath {
  readonly Path?: string;
}

/** The fields of the wire type HostConfig that shape the bundle. */
export interface SpecHostConfig {
  readonly Annotations?: Readonly<Record<string, string>> | null;
  readonly BlkioWeight?: number | null;
  readonly BlkioWeightDevice?: readonly (DevicePath & { readonly Weight?: number })[] | null;
  readonly BlkioDeviceReadBps?: readonly (DevicePath & { readonly Rate?: Int64 })[] | null;
  readonly BlkioDeviceWriteBps?: readonly (DevicePath & { readonly Rate?: Int64 })[] | null;
  readonly BlkioDeviceReadIOps?: readonly (DevicePath & { readonly Rate?: Int64 })[] | null;
  readonly BlkioDeviceWriteIOps?: readonly (DevicePath & { readonly Rate?: Int64 })[] | null;
  readonly CapAdd?: readonly string[] | null;
  readonly CapDrop?: readonly string[] | null;
  readonly CgroupParent?: string | null;
  readonly CgroupnsMode?: string | null;
  readonly ConsoleSize?: readonly number[] | null;
  readonly CpuPeriod?: Int64 | null;
  readonly CpuQuota?: Int64 | null;
  readonly CpuRealtimePeriod?: Int64 | null;
  readonly CpuRealtimeRuntime?: Int64 | null;
  readonly CpuShares?: Int64 | null;
  readonly CpusetCpus?: string | null;
  readonly CpusetMems?: string | null;
  readonly DeviceCgroupRules?: readonly string[] | null;
  readonly Devices?:
    | readonly {
        readonly PathOnHost?: string;
        readonly PathInContainer?: string;
        readonly CgroupPermissions?: string;
      }[]
    | null;
  readonly DeviceRequests?: readonly unknown[] | null;
  readonly Init?: boolean | null;
  readonly IpcMode?: string | null;
  readonly MaskedPaths?: readonly string[] | null;
  readonly Memory?: Int64 | null;
  readonly MemoryReservation?: Int64 | null;
  readonly MemorySwap?: Int64 | null;
  readonly MemorySwappiness?: Int64 | null;
  readonly NanoCpus?: Int64 | null;
  readonly NetworkMode?: string | null;
  readonly OomKillDisable?: boolean | null;
  readonly OomScoreAdj?: number | null;
  readonly PidMode?: string | null;
  readonly PidsLimit?: Int64 | null;
  readonly Privileged?: boolean | null;
  readonly ReadonlyPaths?: readonly string[] | null;
  readonly ReadonlyRootfs?: boolean | null;
  readonly SecurityOpt?: readonly string[] | null;
  readonly ShmSize?: Int64 | null;
  readonly Sysctls?: Readonly<Record<string, string>> | null;
  readonly Ulimits?: readonly { readonly Name?: string; readonly Soft?: Int64; readonly Hard?: Int64 }[] | null;
  readonly UTSMode?: string | null;
  readonly UsernsMode?: string | null;
}

/** A user as the container's own passwd and group say; {@link resolveUser} makes it. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, the primary one among them. */
  readonly additionalGids: readonly number[];
  /** Home directory for `HOME`; "/" when passwd does not know the user. */
  readonly home: string;
}

/** Namespaces of another process that the container joins (`container:` modes), as /proc or bind-mounted paths. */
export interface JoinedNamespaces {
  readonly pid?: string;
  readonly ipc?: string;
}

/** The syscall filter: the profile, and the same compiled when the runtime takes BPF. Null is `unconfined`. */
export interface SeccompFilter {
  readonly profile: OciSeccomp;
  /** Base64 of an array of `struct sock_filter`, as crun's `run.oci.seccomp_bpf_data` takes it. */
  readonly bpf: string | null;
}

/** What the engine's own configuration says for containers that do not say otherwise. */
export interface SpecDefaults {
  /** Parent cgroup, such as `/dhow`; a container's `CgroupParent` wins. */
  readonly cgroupParent: string;
  readonly shmSize: Int64;
  readonly ipcMode: "private" | "shareable";
  readonly cgroupnsMode: "private" | "host";
  readonly init: boolean;
  /** Static init binary on the host, bound at /sbin/docker-init. */
  readonly initPath: string;
  readonly noNewPrivileges: boolean;
  readonly ulimits: Readonly<Record<string, { readonly soft: Int64; readonly hard: Int64 }>>;
}

export interface SpecInput {
  /** 64 hex digits. */
  readonly id: string;
  readonly config: SpecConfig;
  readonly hostConfig: SpecHostConfig;
  readonly user: ResolvedUser;
  /** The mounted root filesystem on the host. */
  readonly rootfs: string;
  /** The user's mounts, resolved to paths that exist (volumes/mounts.ts makes them). */
  readonly mounts: readonly OciMount[];
  /** Files on the host that the engine writes for this container; a user's mount on the same path wins. */
  readonly files: { readonly hosts?: string; readonly resolvConf?: string; readonly hostname?: string };
  /** Path of the network namespace; null is the host's. */
  readonly netnsPath: string | null;
  readonly joined: JoinedNamespaces;
  /** Directory on the host that is /dev/shm, for `IpcMode: shareable` and for those who join it; null is a fresh tmpfs. */
  readonly shmPath: string | null;
  /** Device nodes for `--device` (and all of the host's when privileged), with their cgroup rules. */
  readonly devices: readonly OciDevice[];
  readonly deviceRules: readonly OciDeviceRule[];
  /** Block devices of the blkio options by path, `[major, minor]`. */
  readonly blockDevices: Readonly<Record<string, readonly [number, number]>>;
  readonly seccomp: SeccompFilter | null;
  /** AppArmor profile to apply; null when the host has none or the container is unconfined. */
  readonly apparmorProfile: string | null;
  /** Limits after lowering to what the engine itself may set ({@link effectiveRlimits}). */
  readonly rlimits: readonly OciRlimit[];
  readonly runtime: "crun" | "runc" | "other";
  readonly host: HostFacts;
  readonly defaults: SpecDefaults;
}
