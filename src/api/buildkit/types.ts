/** What several of BuildKit's services share. */
import { many, map, message, one, type Read } from "../../lib/protobuf/message.ts";
import { Platform } from "./ops.ts";

export const Timestamp = message("google.protobuf.Timestamp", { seconds: one(1, "size"), nanos: one(2, "int32") });

/** Milliseconds since the epoch as a message. */
export function timestamp(ms: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export const millisecondsOf = ({ seconds, nanos }: Read<typeof Timestamp>): number => seconds * 1000 + nanos / 1e6;

export const BuildkitVersion = message("moby.buildkit.v1.types.BuildkitVersion", {
  package: one(1, "string"),
  version: one(2, "string"),
  revision: one(3, "string"),
});

export const GCPolicy = message("moby.buildkit.v1.types.GCPolicy", {
  all: one(1, "bool"),
  /** Seconds in the client's words are nanoseconds here. */
  keepDuration: one(2, "int64"),
  reservedSpace: one(3, "size"),
  filters: many(4, "string"),
  maxUsedSpace: one(5, "size"),
  minFreeSpace: one(6, "size"),
});

export const WorkerRecord = message("moby.buildkit.v1.types.WorkerRecord", {
  id: one(1, "string"),
  labels: map(2, "string"),
  platforms: many(3, Platform),
  gcPolicy: many(4, GCPolicy),
  buildkitVersion: one(5, BuildkitVersion),
});

export const APICap = message("moby.buildkit.v1.apicaps.APICap", {
  id: one(1, "string"),
  enabled: one(2, "bool"),
  deprecated: one(3, "bool"),
  disabledReason: one(4, "string"),
  disabledReasonMsg: one(5, "string"),
  disabledAlternative: one(6, "string"),
});

export const BytesMessage = message("moby.buildkit.v1.BytesMessage", { data: one(1, "bytes") });

export const CacheOptionsEntry = message("moby.buildkit.v1.CacheOptionsEntry", {
  type: one(1, "string"),
  attrs: map(2, "string"),
});

/** Of an image's blob or manifest. */
export const Descriptor = message("moby.buildkit.v1.Descriptor", {
  mediaType: one(1, "string"),
  digest: one(2, "string"),
  size: one(3, "size"),
  annotations: map(5, "string"),
});

/** Rules are refused, so that what matters is whether there are any. */
export const SourcePolicy = message("moby.buildkit.v1.sourcepolicy.Policy", {
  version: one(1, "size"),
  rules: many(2, message("moby.buildkit.v1.sourcepolicy.Rule", {})),
});
