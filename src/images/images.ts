/**
 * The images of one engine: names that lead to manifests, configurations and layers.
 *
 * An image is named by the digest of its configuration. Its blobs are in the content store, its unpacked layers with the
 * snapshotter; the records here say which of them are an image, and what it is called.
 */

import type { Readable } from "node:stream";
import type { ContainerConfig } from "../api/containers.ts";
import type { Filters } from "../api/filters.ts";
import type { ImageLayers } from "../api/image-files.ts";
import type {
  DistributionInspect,
  ImageDeleteResponseItem,
  ImageHistoryResponseItem,
  ImageInspect,
  ImagePruneResponse,
  ImageSearchResult,
  ImageSummary,
  OCIDescriptor,
  ProgressSink,
} from "../api/images.ts";
import type { AuthConfig, AuthResponse } from "../api/system.ts";
import type { EventSource } from "../events/events.ts";
import type { Digest } from "../lib/digest.ts";
import type { Operation } from "../lib/operation.ts";
import type { LayerCare } from "../snapshots/layer-care.ts";
import type { LayerBody, LayerRequest, StoredLayerRequest } from "../snapshots/snapshotter.ts";
import type { Database } from "../state/database.ts";
import type { BuildOutputs } from "./build-outputs.ts";
import type { BuildStore } from "./build-store.ts";
import type { CheckReport, ImageCheckRequest, ImageCheckTotals } from "./check/report.ts";
import type { SaveQuery } from "./save.ts";

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
  /** Descriptor of the manifest. */
  readonly descriptor: OCIDescriptor;
}

/** A container that stands on an image. */
export interface ImageUser {
  readonly id: string;
  readonly running: boolean;
}

/** Where images find their layers' files. */
export interface LayerStore {
  /** Shows the tree of a chain alone, read-only, at an existing directory. */
  view(chainId: string, target: string): Promise<void>;
  readonly name: string;
  readonly care: LayerCare;
  hasLayer(chainId: string): boolean;
  layerSize(chainId: string): Promise<number>;
  /** `GraphDriver.Data` of an image whose topmost layer this is. */
  layerData?(chainId: string): Record<string, string>;
  applyLayer(request: LayerRequest, body: LayerBody, op: Operation): Promise<{ size: number }>;
  /** Layers that stand on each other, lowest first: all become visible, or none. */
  applyLayers(layers: readonly StoredLayerRequest[], op: Operation, onApplied: (index: number) => void): Promise<void>;
  /** Decides and begins before it first waits; throws `conflict` while something stands on the layer. */
  removeLayer(chainId: string): Promise<void>;
  /** Chain ids of all complete layers. */
  layers(): Promise<string[]>;
}

/** What the engine's configuration says of registries; read at each use, for a reload changes it. */
export interface ImagesConfig {
  readonly registry: { readonly mirrors: readonly string[]; readonly insecure: readonly string[] };
  readonly maxConcurrentDownloads: number;
  readonly maxConcurrentUploads: number;
  readonly maxDownloadAttempts: number;
}

export interface ImagesOptions {
  readonly db: Database;
  /** Directory of the content store. */
  readonly contentRoot: string;
  readonly snapshots: LayerStore;
  readonly config: ImagesConfig;
  /** Containers that stand on the image, running or not. */
  usersOf(imageId: string): readonly ImageUser[];
  emit(event: EventSource): void;
  /** Carries out `import --change` and `commit --change`; throws `invalidArgument`. */
  applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig;
  /** Told of records that cannot be read. */
  readonly log?: (message: string) => void;
}

export interface PullRequest {
  readonly fromImage: string;
  readonly tag: string;
  readonly platform: string;
  readonly auth: AuthConfig | undefined;
}

export interface ImportRequest {
  readonly repo: string;
  readonly tag: string;
  readonly message: string;
  readonly changes: readonly string[];
  readonly platform: string;
}

/** What `commit` made; the name is "" when none was asked for. */
export interface CommittedImage {
  readonly id: string;
  readonly name: string;
}

/** What `commit` makes an image of. */
export interface CommitImage {
  /** The image the container was made of; null for none. */
  readonly parent: string | null;
  readonly config: ContainerConfig;
  readonly author: string;
  readonly comment: string;
  /** Repository and tag to give; both may be empty. */
  readonly repo: string;
  readonly tag: string;
  readonly createdBy: string;
  readonly changes: readonly string[];
  /** Starts to pack the layer: an uncompressed tar. */
  readonly diff: () => Readable;
}

/** The service. Names are references, digest references, ids or prefixes of ids; unknown ones are `notFound`. */
export interface Images {
  /** Images as a builder needs them. */
  readonly building: BuildStore;
  readonly outputs: BuildOutputs;
  resolve(nameOrId: string): ResolvedImage;
  /** Shows what the image holds, read-only, at the existing directory `target`; its owner unmounts it. */
  view(imageId: string, target: string): Promise<void>;
  /** Bytes of the image's layers. */
  sizeOf(imageId: string): Promise<number>;
  /** Bytes of all layers, each counted once. */
  layersSize(): Promise<number>;
  list(
    query: { all: boolean; filters: Filters; sharedSize: boolean; manifests: boolean },
    op: Operation,
  ): Promise<ImageSummary[]>;
  inspect(name: string, query: { manifests: boolean; platform: string }, op: Operation): Promise<ImageInspect>;
  history(name: string, query: { platform: string }, op: Operation): Promise<ImageHistoryResponseItem[]>;
  tag(name: string, target: { repo: string; tag: string }, op: Operation): Promise<void>;
  remove(
    name: string,
    query: { force: boolean; noprune: boolean; platforms: readonly string[] },
    op: Operation,
  ): Promise<ImageDeleteResponseItem[]>;
  prune(filters: Filters, op: Operation): Promise<ImagePruneResponse>;
  pull(request: PullRequest, progress: ProgressSink, op: Operation): Promise<void>;
  push(
    name: string,
    query: { tag: string; platform: string; auth: AuthConfig | undefined },
    progress: ProgressSink,
    op: Operation,
  ): Promise<void>;
  importTar(request: ImportRequest, source: Readable | URL, progress: ProgressSink, op: Operation): Promise<void>;
  load(
    query: { quiet: boolean; platforms: readonly string[] },
    archive: Readable,
    progress: ProgressSink,
    op: Operation,
  ): Promise<void>;
  save(names: readonly string[], query: SaveQuery, op: Operation): Promise<Readable>;
  /** Those of some blobs that are not here, or not of their size. */
  lacks(blobs: readonly { readonly digest: Digest; readonly size: number }[], op: Operation): Promise<Digest[]>;
  /** What images are stored as and unpacked to; of all images without names. */
  layers(names: readonly string[], op: Operation): Promise<ImageLayers[]>;
  /** Lines of `LayerFile`, lowest layer first, from the layer `from` on; from `digestsFrom` on with digests. */
  files(
    name: string,
    query: { readonly from: number; readonly digestsFrom: number | undefined },
    op: Operation,
  ): Promise<Readable>;
  /** Answers the new image's id. */
  commit(request: CommitImage, op: Operation): Promise<CommittedImage>;
  search(
    query: { term: string; limit: number; filters: Filters; auth: AuthConfig | undefined },
    op: Operation,
  ): Promise<ImageSearchResult[]>;
  distribution(name: string, auth: AuthConfig | undefined, op: Operation): Promise<DistributionInspect>;
  /** Shows credentials to their registry; `unauthorized` when it refuses them. */
  login(auth: AuthConfig, op: Operation): Promise<AuthResponse>;
  /** Looks at everything that is kept of images, and repairs what it can where the report wants that. */
  check(request: ImageCheckRequest, report: CheckReport, op: Operation): Promise<ImageCheckTotals>;
  /** Deletes what crashes left: blobs and unpacked layers that no image names. */
  sweep(): Promise<void>;
}
