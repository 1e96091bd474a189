/** Volumes on the wire. */
import * as v from "valibot";
import type { Int64 } from "../lib/json.ts";
import { maybe, text, textMap } from "./wire.ts";

/** The body of `POST /volumes/create`. An empty name asks for an anonymous volume, an empty driver for `local`. */
export const VolumeCreateRequest = v.object({
  Name: text(),
  Driver: text(),
  DriverOpts: textMap(),
  Labels: v.nullish(textMap(), null),
  ClusterVolumeSpec: maybe(v.unknown()),
});
export type VolumeCreateRequest = v.InferOutput<typeof VolumeCreateRequest>;

export interface Volume {
  CreatedAt?: string;
  Driver: string;
  Labels: Record<string, string> | null;
  Mountpoint: string;
  Name: string;
  Options: Record<string, string> | null;
  Scope: "local" | "global";
  Status?: Record<string, unknown>;
  /** Only in `system df`; -1 means unknown. */
  UsageData?: { RefCount: number; Size: number };
}

export interface VolumeListResponse {
  Volumes: Volume[];
  Warnings: string[] | null;
}

export interface VolumePruneResponse {
  VolumesDeleted: string[] | null;
  SpaceReclaimed: Int64;
}
