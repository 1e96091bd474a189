/**
 * What the containers service needs of the rest of the engine, in its own words. `engine/` hands the concrete services
 * in; tests hand in fakes.
 */
import type { ContainerConfig, ContainerCreateRequest } from "../api/containers.ts";
import type { HostConfig } from "../api/host-config.ts";
import type { Operation } from "../lib/operation.ts";
import type { Logs } from "../logs/logs.ts";
import type { Networks } from "../networks/networks.ts";
import type { Cgroups } from "../runtime/cgroups.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { SecretFiles } from "../runtime/secret-files.ts";
import type { OciMount, OciProcess, OciSpec } from "../runtime/spec/oci.ts";
import type { Archives } from "../snapshots/archive.ts";
import type { Snapshotter } from "../snapshots/snapshotter.ts";
import type { RuntimeBinary } from "../supervisor/protocol.ts";
import type { Volumes } from "../volumes/volumes.ts";

export type { AttachStream } from "../runtime/runtime.ts";
export type {
  ExitStatus,
  ProcessTarget,
  RuntimeBinary,
  SupervisedProcess,
} from "../supervisor/protocol.ts";

/** Starts and supervises processes; they outlive the engine. */
export type ContainerRuntime = Pick<
  Runtime,
  | "start"
  | "exec"
  | "attach"
  | "resize"
  | "signal"
  | "limitLog"
  | "pause"
  | "resume"
  | "list"
  | "onExit"
  | "onOom"
  | "forget"
>;

/** An image as a container's create needs it. */
export interface ResolvedImage {
  /** Config digest. */
  readonly id: string;
  readonly config: ContainerConfig;
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  /** Null for an image without layers. */
  readonly chainId: string | null;
  /** Descriptor of the manifest, for `ImageManifestDescriptor`. */
  readonly descriptor?: { readonly mediaType: string; readonly digest: string; readonly size: number } | null;
}

export interface Images {
  /** `notFound`: `No such image: REF`. */
  resolve(nameOrId: string): ResolvedImage;
  /** Bytes of an image's layers, for `ps --size`. */
  sizeOf?(imageId: string): Promise<number>;
}

export type ContainerNetworks = Pick<
  Networks,
  | "validate"
  | "hostAddressesOf"
  | "attach"
  | "leaveTo"
  | "republish"
  | "detach"
  | "rename"
  | "servedResolvConf"
  | "settingsOf"
  | "statsOf"
>;

/** What one start knows when its bundle is made. */
export interface BundleRequest {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** The mounted root file system. */
  readonly rootfs: string;
  readonly mounts: readonly OciMount[];
  readonly files: { readonly hosts?: string; readonly resolvConf?: string; readonly hostname?: string };
  readonly netnsPath: string | null;
  /** Namespaces of other containers that this one joins, as paths in /proc. */
  readonly joined: { readonly pid?: string; readonly ipc?: string };
  readonly shmPath: string | null;
}

export interface Bundle {
  readonly spec: OciSpec;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly runtime: RuntimeBinary;
  readonly apparmorProfile?: string | null;
}

/** Turns Docker's configuration into what a runtime runs. */
export interface Bundles {
  /** Refuses in Docker's words what can never start; says what this host ignores. Called at create and, for limits, at update. */
  validate(request: ContainerCreateRequest): {
    readonly warnings: readonly string[];
    /** The limits that are ignored, as they are in a container without them. */
    readonly discarded: Partial<HostConfig>;
  };
  /** The name of the runtime that `wanted` (or nothing) means; `invalidArgument` when there is none. */
  runtimeName(wanted: string | undefined): string;
  /** Whom `user` (`NAME|UID[:GROUP|GID]`) means in the root file system at `rootfs`. */
  userOf(rootfs: string, user: string): { readonly uid: number; readonly gid: number };
  make(request: BundleRequest, op: Operation): Promise<Bundle>;
  makeExec(
    request: {
      readonly id: string;
      readonly config: ContainerConfig;
      readonly hostConfig: HostConfig;
      readonly rootfs: string;
      readonly args: readonly string[];
      readonly env: readonly string[];
      readonly user: string;
      readonly workingDir: string;
      readonly tty: boolean;
      readonly privileged: boolean;
      readonly consoleSize?: readonly [rows: number, cols: number];
    },
    op: Operation,
  ): Promise<{ readonly process: OciProcess; readonly runtime: RuntimeBinary }>;
}

/** What is kept, read and delivered of output. */
export type ContainerLogs = Pick<Logs, "read" | "start" | "resume" | "change" | "ended" | "removed">;

/** A fresh tmpfs for `/dev/shm` that several containers share (`--ipc shareable`). */
export interface SharedMemory {
  mount(path: string, size: number): void;
  /** What is not mounted is fine. */
  unmount(path: string): void;
}

export type ContainerSnapshots = Pick<
  Snapshotter,
  | "name"
  | "care"
  | "prepare"
  | "hasKey"
  | "keys"
  | "mount"
  | "unmount"
  | "isMounted"
  | "hide"
  | "hidden"
  | "remove"
  | "usage"
  | "changes"
  | "treeTar"
  | "driverData"
>;

export type ContainerArchives = Pick<Archives, "statPath" | "readArchive" | "writeArchive">;

export type ContainerVolumes = Pick<
  Volumes,
  "resolve" | "populate" | "mount" | "unmount" | "reference" | "release" | "abandon"
>;

/** Everything the containers service is made of. */
export interface Collaborators {
  readonly runtime: ContainerRuntime;
  readonly snapshots: ContainerSnapshots;
  readonly archives: ContainerArchives;
  readonly images: Images;
  readonly networks: ContainerNetworks;
  readonly volumes: ContainerVolumes;
  readonly bundles: Bundles;
  readonly cgroups: Cgroups;
  readonly logs: ContainerLogs;
  readonly sharedMemory: SharedMemory;
  readonly secretFiles: SecretFiles;
}
