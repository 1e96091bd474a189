/** Images on the wire. */
import type { Int64 } from "../lib/json.ts";
import type { ContainerConfig } from "./containers.ts";

export interface OCIPlatform {
  architecture: string;
  os: string;
  "os.version"?: string;
  "os.features"?: string[];
  variant?: string;
}

export interface OCIDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  data?: string;
  platform?: OCIPlatform;
  artifactType?: string;
}

/** An image's config as inspect shows it; labels are null when there are none. */
export type ShownImageConfig = Pick<
  ContainerConfig,
  | "ArgsEscaped"
  | "Cmd"
  | "Entrypoint"
  | "Env"
  | "ExposedPorts"
  | "Healthcheck"
  | "OnBuild"
  | "Shell"
  | "StopSignal"
  | "User"
  | "Volumes"
  | "WorkingDir"
> & { Labels: Record<string, string> | null };

export interface GraphDriverData {
  Data: Record<string, string> | null;
  Name: string;
}

export interface ImageInspect {
  Id: string;
  RepoTags: string[];
  RepoDigests: string[];
  Parent: string;
  Comment: string;
  Created?: string;
  DockerVersion: string;
  Author: string;
  Config: ShownImageConfig;
  Architecture: string;
  Variant?: string;
  Os: string;
  OsVersion?: string;
  Size: number;
  GraphDriver: GraphDriverData;
  RootFS: { Type: string; Layers?: string[] };
  Metadata: { LastTagTime: string };
  Descriptor?: OCIDescriptor;
  /** Before API 1.44: the same as `Size`. */
  VirtualSize?: number;
  /** Before API 1.45: that of the container which the image was made of. */
  ContainerConfig?: Omit<ContainerConfig, "Labels"> & Pick<ShownImageConfig, "Labels">;
  Manifests?: ImageManifestSummary[];
}

export interface ImageManifestSummary {
  ID: string;
  Descriptor: OCIDescriptor;
  Available: boolean;
  Size: { Total: number; Content: number };
  Kind: "image" | "attestation" | "unknown";
  ImageData?: { Platform: OCIPlatform; Containers: string[]; Size: { Unpacked: number } };
  AttestationData?: { For: string };
}

export interface ImageSummary {
  Id: string;
  ParentId: string;
  RepoTags: string[];
  RepoDigests: string[];
  /** Unix seconds. */
  Created: number;
  Size: number;
  /** Before API 1.44: the same as `Size`. */
  VirtualSize?: number;
  /** -1 when not asked for. */
  SharedSize: number;
  Labels: Record<string, string> | null;
  /** -1 when not counted. */
  Containers: number;
  Manifests?: ImageManifestSummary[];
  Descriptor?: OCIDescriptor;
}

/** One row of `docker history`. */
export interface ImageHistoryResponseItem {
  Id: string;
  Created: number;
  CreatedBy: string;
  Tags: string[] | null;
  Size: number;
  Comment: string;
}

export interface ImageDeleteResponseItem {
  Untagged?: string;
  Deleted?: string;
}

export interface ImagePruneResponse {
  ImagesDeleted: ImageDeleteResponseItem[] | null;
  SpaceReclaimed: Int64;
}

export interface ImageSearchResult {
  description: string;
  is_official: boolean;
  is_automated: boolean;
  name: string;
  star_count: number;
}

/** One line of the progress of pull, push, load, import and build. */
export interface ProgressMessage {
  stream?: string;
  status?: string;
  id?: string;
  progressDetail?: { current?: number; total?: number; start?: number; hidecounts?: boolean; units?: string };
  progress?: string;
  error?: string;
  errorDetail?: { code?: number; message?: string };
  aux?: unknown;
}

/** Where progress is told, one message at a time, in order. */
export type ProgressSink = (message: ProgressMessage) => void;

export interface DistributionInspect {
  Descriptor: OCIDescriptor;
  Platforms: OCIPlatform[];
}
