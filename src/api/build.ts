/** Builds on the wire: what the query's texts hold, and the answers. */
import * as v from "valibot";
import { Ulimit } from "./host-config.ts";

/** `buildargs`: an argument without a value is null. */
export const BuildArgs = v.record(v.string(), v.nullable(v.string()));

/** `labels`. */
export const BuildLabels = v.record(v.string(), v.string());

/** `cachefrom`: names of images. */
export const BuildCacheFrom = v.array(v.string());

/** `ulimits`. */
export const BuildUlimits = v.array(Ulimit);

/** What builders that have more than one output are asked for by `outputs`. */
export const BuildOutputs = v.array(
  v.object({ Type: v.string(), Attrs: v.optional(v.record(v.string(), v.string()), {}) }),
);

/** The `aux` of the last but one message. */
export interface BuildResult {
  ID: string;
}

export interface BuildPruneResponse {
  CachesDeleted: string[] | null;
  SpaceReclaimed: number;
}
