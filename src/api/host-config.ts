/** What a container asks of its host: mounts, ports, resources, security. Part of the containers' wire types. */
import * as v from "valibot";
import {
  flag,
  int,
  int64,
  list,
  map,
  maybe,
  maybeFlag,
  maybeInt64,
  maybeTextMap,
  text,
  textMap,
  texts,
} from "./wire.ts";

export const PortBinding = v.object({ HostIp: text(), HostPort: text() });
export type PortBinding = v.InferOutput<typeof PortBinding>;

/** Container port (`80/tcp`) to where the host answers for it; null or empty when it is exposed only. */
export const PortMap = map(v.nullable(v.array(PortBinding)));
export type PortMap = Record<string, PortBinding[] | null>;

/** Name: "", "no", "always", "unless-stopped" or "on-failure". */
export const RestartPolicy = v.object({ Name: text(), MaximumRetryCount: int() });
export type RestartPolicy = v.InferOutput<typeof RestartPolicy>;

export const LogConfig = v.object({ Type: text(), Config: textMap() });
export type LogConfig = v.InferOutput<typeof LogConfig>;

export const DeviceMapping = v.object({ PathOnHost: text(), PathInContainer: text(), CgroupPermissions: text() });
export type DeviceMapping = v.InferOutput<typeof DeviceMapping>;

export const DeviceRequest = v.object({
  Driver: text(),
  Count: int(),
  DeviceIDs: texts(),
  Capabilities: list(v.array(v.string())),
  Options: textMap(),
});
export type DeviceRequest = v.InferOutput<typeof DeviceRequest>;

export const ThrottleDevice = v.object({ Path: text(), Rate: int64() });
export type ThrottleDevice = v.InferOutput<typeof ThrottleDevice>;

export const WeightDevice = v.object({ Path: text(), Weight: int() });
export type WeightDevice = v.InferOutput<typeof WeightDevice>;

export const Ulimit = v.object({ Name: text(), Hard: int64(), Soft: int64() });
export type Ulimit = v.InferOutput<typeof Ulimit>;

const resources = {
  CpuShares: int64(),
  Memory: int64(),
  NanoCpus: int64(),
  CgroupParent: text(),
  BlkioWeight: int(),
  BlkioWeightDevice: list(WeightDevice),
  BlkioDeviceReadBps: list(ThrottleDevice),
  BlkioDeviceWriteBps: list(ThrottleDevice),
  BlkioDeviceReadIOps: list(ThrottleDevice),
  BlkioDeviceWriteIOps: list(ThrottleDevice),
  CpuPeriod: int64(),
  CpuQuota: int64(),
  CpuRealtimePeriod: int64(),
  CpuRealtimeRuntime: int64(),
  CpusetCpus: text(),
  CpusetMems: text(),
  Devices: list(DeviceMapping),
  DeviceCgroupRules: texts(),
  DeviceRequests: v.nullish(v.array(DeviceRequest), null),
  KernelMemory: maybeInt64(),
  KernelMemoryTCP: maybeInt64(),
  MemoryReservation: int64(),
  MemorySwap: int64(),
  MemorySwappiness: v.nullish(maybeNumber(), null),
  OomKillDisable: v.nullish(v.boolean(), null),
  PidsLimit: v.nullish(maybeNumber(), null),
  Ulimits: v.nullish(v.array(Ulimit), null),
  CpuCount: int64(),
  CpuPercent: int64(),
  IOMaximumIOps: int64(),
  IOMaximumBandwidth: int64(),
};

function maybeNumber() {
  return v.pipe(v.number(), v.integer());
}

export const Resources = v.object(resources);
export type Resources = v.InferOutput<typeof Resources>;

/** The body of `POST /containers/{id}/update`; what is not Docker's comes last. */
export const ContainerUpdateRequest = v.object({
  ...resources,
  RestartPolicy: v.nullish(RestartPolicy, () => ({})),
  /** Ports to publish, as `PortBindings` of a create. */
  PublishAdd: maybe(PortMap),
  /** Published ports to take back; an empty host address or port stands for any. */
  PublishRemove: maybe(PortMap),
  LabelsAdd: maybeTextMap(),
  LabelsRemove: maybe(v.array(v.string())),
  /** Merged into the options of the log driver. */
  LogOptions: maybeTextMap(),
});
export type ContainerUpdateRequest = v.InferOutput<typeof ContainerUpdateRequest>;

/** A mount as asked for; `MountPoint` is a mount as it is. */
export const Mount = v.object({
  /** bind, volume, tmpfs, image, npipe or cluster. */
  Type: text(),
  Source: text(),
  Target: text(),
  ReadOnly: maybeFlag(),
  Consistency: maybe(v.string()),
  /** dhow's own, of a bind or volume: `owner` or `uids=SOURCE-SHOWN-COUNT#...;gids=...`, whose files show up as whose. */
  IDMap: maybe(v.string()),
  BindOptions: maybe(
    v.object({
      Propagation: maybe(v.string()),
      NonRecursive: maybeFlag(),
      CreateMountpoint: maybeFlag(),
      ReadOnlyNonRecursive: maybeFlag(),
      ReadOnlyForceRecursive: maybeFlag(),
    }),
  ),
  VolumeOptions: maybe(
    v.object({
      NoCopy: maybeFlag(),
      Labels: maybeTextMap(),
      Subpath: maybe(v.string()),
      DriverConfig: maybe(v.object({ Name: maybe(v.string()), Options: maybeTextMap() })),
    }),
  ),
  ImageOptions: maybe(v.object({ Subpath: maybe(v.string()) })),
  TmpfsOptions: maybe(
    v.object({
      SizeBytes: maybeInt64(),
      Mode: maybe(maybeNumber()),
      Options: maybe(v.array(v.array(v.string()))),
    }),
  ),
  ClusterOptions: maybe(v.object({})),
});
export type Mount = v.InferOutput<typeof Mount>;

/**
 * dhow's own: a secret of one container, a file on a tmpfs of it. `Data` (base64) goes to the engine with a create; it is never
 * recorded with the container and comes back nowhere.
 */
export const Secret = v.object({
  Name: text(),
  /** Absolute, or below /run/secrets; the name when empty. */
  Target: text(),
  UID: int(),
  GID: int(),
  Mode: maybe(maybeNumber()),
  // A message of its own: the schema library's would quote the value.
  Data: maybe(v.string("Expected base64")),
});
export type Secret = v.InferOutput<typeof Secret>;

export const HostConfig = v.object({
  Binds: texts(),
  ContainerIDFile: text(),
  LogConfig: v.nullish(LogConfig, () => ({})),
  NetworkMode: text(),
  PortBindings: PortMap,
  RestartPolicy: v.nullish(RestartPolicy, () => ({})),
  AutoRemove: flag(),
  VolumeDriver: text(),
  VolumesFrom: texts(),
  /** Rows, columns. */
  ConsoleSize: v.pipe(
    v.nullish(v.array(maybeNumber()), () => [0, 0]),
    v.transform((size): [number, number] => [size[0] ?? 0, size[1] ?? 0]),
  ),
  Annotations: maybeTextMap(),
  CapAdd: texts(),
  CapDrop: texts(),
  CgroupnsMode: text(),
  Dns: texts(),
  DnsOptions: texts(),
  DnsSearch: texts(),
  ExtraHosts: texts(),
  GroupAdd: texts(),
  IpcMode: text(),
  Cgroup: text(),
  Links: texts(),
  OomScoreAdj: int(),
  PidMode: text(),
  Privileged: flag(),
  PublishAllPorts: flag(),
  ReadonlyRootfs: flag(),
  SecurityOpt: texts(),
  StorageOpt: maybeTextMap(),
  Tmpfs: maybeTextMap(),
  UTSMode: text(),
  UsernsMode: text(),
  ShmSize: int64(),
  Sysctls: maybeTextMap(),
  Runtime: text(),
  Isolation: text(),
  ...resources,
  Mounts: maybe(v.array(Mount)),
  /** Null means the engine's own lists. */
  MaskedPaths: texts(),
  ReadonlyPaths: texts(),
  Init: maybeFlag(),
  Secrets: maybe(v.array(Secret)),
});
export type HostConfig = v.InferOutput<typeof HostConfig>;
