/** What the builder needs of the rest of the engine, in its own words. `engine/` hands the concrete services in. */
import type { Readable } from "node:stream";
import type { ContainerConfig } from "../api/containers.ts";
import type { HostConfig } from "../api/host-config.ts";
import type { BuildOutputs } from "../images/build-outputs.ts";
import type { ImageConfigFile } from "../images/manifest.ts";
import type { Hold } from "../images/shelf.ts";
import type { Digest } from "../lib/digest.ts";
import type { Operation } from "../lib/operation.ts";
import type { Platform } from "../lib/platform.ts";
import type { Networks } from "../networks/networks.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { OciMount, OciSpec } from "../runtime/spec/oci.ts";
import type { Snapshotter } from "../snapshots/snapshotter.ts";
import type { Database } from "../state/database.ts";
import type { RuntimeBinary } from "../supervisor/protocol.ts";
import type { CacheLimits } from "./cache/cache-rules.ts";
import type { Grant } from "./request-results.ts";
import type { Credentials } from "./request-sources.ts";

/** A layer whose archive is in the content store, as a manifest names it. */
export interface StoredLayer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** One layer of a tree, and its place in it. */
export interface Layer {
  readonly blob: StoredLayer;
  /** Digest of its uncompressed archive. */
  readonly diffId: Digest;
  readonly chainId: Digest;
}

/** An image that a stage begins at. */
export interface ImageBase {
  readonly id: string;
  /** With its digest where it has one. */
  readonly reference: string;
  readonly file: ImageConfigFile;
  /** Lowest first. */
  readonly layers: readonly Layer[];
}

/** What a build in progress needs kept: blobs under its lease, and unpacked layers by chain id. */
export type BuildHold = Hold;

/** Keeps layers, and the archives that they came of, whatever is removed or pruned meanwhile. */
export function holdLayers(hold: BuildHold, layers: readonly Layer[]): void {
  for (const { blob, chainId } of layers) {
    hold.chains.add(chainId);
    hold.lease.add(blob.digest);
  }
}

export interface NewImage {
  /** The whole configuration; its digest is the image's id. */
  readonly file: Readonly<Record<string, unknown>>;
  readonly layers: readonly Layer[];
  readonly names: readonly string[];
  /** Id of the image that it was built from; "" for none. */
  readonly parent: string;
}

/** Layers in other forms, sets of manifests, pushes, and what caches are fetched with. */
export type BuilderOutputs = Pick<BuildOutputs, keyof BuildOutputs>;

export interface BuilderImages {
  readonly outputs: BuilderOutputs;
  /** Null when there is none of that name for the platform here. */
  find(reference: string, platform: Platform | null): ImageBase | null;
  /** The image pulled; a name that led to one of this host's platform here goes on doing so. */
  pull(reference: string, platform: string, auths: Credentials, op: Operation): Promise<ImageBase | null>;
  hold(): BuildHold;
  /** Stores an uncompressed layer archive; it stays while the hold does, or something that is used names it. */
  store(hold: BuildHold, tar: Readable, op: Operation): Promise<StoredLayer>;
  /** As `store`, of a tar that `write` puts into an open file and brings to the disk; it answers what that is. */
  storeWritten(
    hold: BuildHold,
    write: (fd: number) => Promise<{ readonly digest: Digest; readonly size: number }>,
  ): Promise<StoredLayer>;
  /** Where the blob's bytes are. */
  pathOf(blob: StoredLayer): string;
  /** Checks names before anything is done for them; throws `invalidArgument`. */
  checkName(name: string): void;
  make(
    hold: BuildHold,
    image: NewImage,
    op: Operation,
  ): Promise<{ readonly id: string; readonly names: readonly string[] }>;
  /** Lets go of layers and blobs that nothing uses any more; what was freed, in bytes. */
  release(layers: readonly Layer[]): Promise<number>;
  isUsedByImage(chainId: Digest): boolean;
  /** Names another user of layers and blobs, besides the images. */
  keepFor(user: LayerUser): void;
}

export interface LayerUser {
  layers(): Iterable<Layer>;
}

export type BuilderSnapshots = Pick<
  Snapshotter,
  | "name"
  | "hasLayer"
  | "layerSize"
  | "applyLayer"
  | "prepare"
  | "mount"
  | "unmount"
  | "view"
  | "remove"
  | "diffTar"
  | "treeTar"
  | "care"
  | "sealing"
>;

export type BuilderNetworks = Pick<Networks, "attach" | "detach" | "validate">;

export type BuilderRuntime = Pick<Runtime, "start" | "attach" | "signal" | "onExit" | "forget">;

/** As the containers' own bundles are made. */
export interface BuilderBundles {
  make(
    request: {
      readonly id: string;
      readonly config: ContainerConfig;
      readonly hostConfig: HostConfig;
      readonly rootfs: string;
      readonly mounts: readonly OciMount[];
      readonly files: { readonly hosts?: string; readonly resolvConf?: string; readonly hostname?: string };
      readonly netnsPath: string | null;
      readonly joined: Record<string, never>;
      readonly shmPath: string | null;
    },
    op: Operation,
  ): Promise<{
    readonly spec: OciSpec;
    readonly user: { readonly uid: number; readonly gid: number };
    readonly runtime: RuntimeBinary;
  }>;
  userOf(rootfs: string, user: string): { readonly uid: number; readonly gid: number };
  /** CDI names of the devices that can be asked for. */
  devices(): readonly string[];
}

export interface BuilderOptions {
  readonly db: Database;
  readonly images: BuilderImages;
  readonly snapshots: BuilderSnapshots;
  readonly networks: BuilderNetworks;
  readonly runtime: BuilderRuntime;
  readonly bundles: BuilderBundles;
  readonly paths: {
    /** Contexts while they are built from, and cache mounts; outlives a reboot. */
    readonly build: string;
    /** Mount points and bundles. */
    readonly bundles: string;
    readonly rootfs: string;
  };
  /** What this engine grants to those who ask for it. */
  readonly grants: ReadonlySet<Grant>;
  readonly cacheLimits: CacheLimits;
  readonly log: (message: string) => void;
}
