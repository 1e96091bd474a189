/** What clients ask of a BuildKit daemon: `moby.buildkit.v1.Control`. */
import { service } from "../../lib/grpc/service.ts";
import { RpcStatus } from "../../lib/grpc/status.ts";
import { many, map, message, one } from "../../lib/protobuf/message.ts";
import { Definition, ProgressGroup, Range, SourceInfo } from "./ops.ts";
import {
  BuildkitVersion,
  BytesMessage,
  CacheOptionsEntry,
  Descriptor,
  SourcePolicy,
  Timestamp,
  WorkerRecord,
} from "./types.ts";

export const CacheOptions = message("moby.buildkit.v1.CacheOptions", {
  exports: many(4, CacheOptionsEntry),
  imports: many(5, CacheOptionsEntry),
});

export const Exporter = message("moby.buildkit.v1.Exporter", { type: one(1, "string"), attrs: map(2, "string") });

export const SolveRequest = message("moby.buildkit.v1.SolveRequest", {
  ref: one(1, "string"),
  definition: one(2, Definition),
  /** What clients before 0.13 send instead of `exporters`. */
  exporter: one(3, "string"),
  exporterAttrs: map(4, "string"),
  session: one(5, "string"),
  /** "" where a gateway client is to say, over `LLBBridge`. */
  frontend: one(6, "string"),
  frontendAttrs: map(7, "string"),
  cache: one(8, CacheOptions),
  entitlements: many(9, "string"),
  frontendInputs: map(10, Definition),
  internal: one(11, "bool"),
  sourcePolicy: one(12, SourcePolicy),
  exporters: many(13, Exporter),
  enableSessionExporter: one(14, "bool"),
  sourcePolicySession: one(15, "string"),
});

export const SolveResponse = message("moby.buildkit.v1.SolveResponse", { exporterResponse: map(1, "string") });

export const StatusRequest = message("moby.buildkit.v1.StatusRequest", { ref: one(1, "string") });

export const Vertex = message("moby.buildkit.v1.Vertex", {
  digest: one(1, "string"),
  inputs: many(2, "string"),
  name: one(3, "string"),
  cached: one(4, "bool"),
  started: one(5, Timestamp),
  completed: one(6, Timestamp),
  error: one(7, "string"),
  progressGroup: one(8, ProgressGroup),
});

export const VertexStatus = message("moby.buildkit.v1.VertexStatus", {
  id: one(1, "string"),
  vertex: one(2, "string"),
  name: one(3, "string"),
  current: one(4, "size"),
  total: one(5, "size"),
  timestamp: one(6, Timestamp),
  started: one(7, Timestamp),
  completed: one(8, Timestamp),
});

export const VertexLog = message("moby.buildkit.v1.VertexLog", {
  vertex: one(1, "string"),
  timestamp: one(2, Timestamp),
  /** 1 is standard output, 2 standard error. */
  stream: one(3, "size"),
  msg: one(4, "bytes"),
});

export const VertexWarning = message("moby.buildkit.v1.VertexWarning", {
  vertex: one(1, "string"),
  level: one(2, "size"),
  short: one(3, "bytes"),
  detail: many(4, "bytes"),
  url: one(5, "string"),
  info: one(6, SourceInfo),
  ranges: many(7, Range),
});

export const StatusResponse = message("moby.buildkit.v1.StatusResponse", {
  vertexes: many(1, Vertex),
  statuses: many(2, VertexStatus),
  logs: many(3, VertexLog),
  warnings: many(4, VertexWarning),
});

export const UsageRecord = message("moby.buildkit.v1.UsageRecord", {
  id: one(1, "string"),
  mutable: one(2, "bool"),
  inUse: one(3, "bool"),
  size: one(4, "size"),
  createdAt: one(6, Timestamp),
  lastUsedAt: one(7, Timestamp),
  usageCount: one(8, "size"),
  description: one(9, "string"),
  recordType: one(10, "string"),
  shared: one(11, "bool"),
  parents: many(12, "string"),
});

export const DiskUsageRequest = message("moby.buildkit.v1.DiskUsageRequest", {
  filter: many(1, "string"),
  /** Nanoseconds. */
  ageLimit: one(2, "int64"),
});

export const DiskUsageResponse = message("moby.buildkit.v1.DiskUsageResponse", { record: many(1, UsageRecord) });

export const PruneRequest = message("moby.buildkit.v1.PruneRequest", {
  filter: many(1, "string"),
  all: one(2, "bool"),
  /** Nanoseconds. */
  keepDuration: one(3, "int64"),
  reservedSpace: one(4, "size"),
  maxUsedSpace: one(5, "size"),
  minFreeSpace: one(6, "size"),
});

export const ListWorkersRequest = message("moby.buildkit.v1.ListWorkersRequest", { filter: many(1, "string") });
export const ListWorkersResponse = message("moby.buildkit.v1.ListWorkersResponse", { record: many(1, WorkerRecord) });

export const InfoRequest = message("moby.buildkit.v1.InfoRequest", {});
export const InfoResponse = message("moby.buildkit.v1.InfoResponse", { buildkitVersion: one(1, BuildkitVersion) });

export const BuildHistoryRequest = message("moby.buildkit.v1.BuildHistoryRequest", {
  activeOnly: one(1, "bool"),
  ref: one(2, "string"),
  earlyExit: one(3, "bool"),
  filter: many(4, "string"),
  limit: one(5, "int32"),
});

export const BuildResultInfo = message("moby.buildkit.v1.BuildResultInfo", {
  result: one(1, Descriptor),
  attestations: many(2, Descriptor),
});

export const BuildHistoryRecord = message("moby.buildkit.v1.BuildHistoryRecord", {
  ref: one(1, "string"),
  frontend: one(2, "string"),
  frontendAttrs: map(3, "string"),
  exporters: many(4, Exporter),
  error: one(5, RpcStatus),
  createdAt: one(6, Timestamp),
  completedAt: one(7, Timestamp),
  logs: one(8, Descriptor),
  exporterResponse: map(9, "string"),
  result: one(10, BuildResultInfo),
  results: map(11, BuildResultInfo),
  generation: one(12, "int32"),
  trace: one(13, Descriptor),
  pinned: one(14, "bool"),
  numCachedSteps: one(15, "int32"),
  numTotalSteps: one(16, "int32"),
  numCompletedSteps: one(17, "int32"),
  externalError: one(18, Descriptor),
  numWarnings: one(19, "int32"),
});

/** Of a history's event. */
export const historyEvents = { started: 0, complete: 1, deleted: 2 } as const;

export const BuildHistoryEvent = message("moby.buildkit.v1.BuildHistoryEvent", {
  type: one(1, "int32"),
  record: one(2, BuildHistoryRecord),
});

export const UpdateBuildHistoryRequest = message("moby.buildkit.v1.UpdateBuildHistoryRequest", {
  ref: one(1, "string"),
  pinned: one(2, "bool"),
  delete: one(3, "bool"),
  finalize: one(4, "bool"),
});
export const UpdateBuildHistoryResponse = message("moby.buildkit.v1.UpdateBuildHistoryResponse", {});

export const Control = service("moby.buildkit.v1.Control", {
  DiskUsage: [DiskUsageRequest, DiskUsageResponse],
  Prune: [PruneRequest, UsageRecord, "response"],
  Solve: [SolveRequest, SolveResponse],
  Status: [StatusRequest, StatusResponse, "response"],
  Session: [BytesMessage, BytesMessage, "both"],
  ListWorkers: [ListWorkersRequest, ListWorkersResponse],
  Info: [InfoRequest, InfoResponse],
  ListenBuildHistory: [BuildHistoryRequest, BuildHistoryEvent, "response"],
  UpdateBuildHistory: [UpdateBuildHistoryRequest, UpdateBuildHistoryResponse],
});
