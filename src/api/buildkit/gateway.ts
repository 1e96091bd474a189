/** What a client that brings its own frontend asks of a build under way: `moby.buildkit.v1.frontend.LLBBridge`. */
import { service } from "../../lib/grpc/service.ts";
import { RpcStatus } from "../../lib/grpc/status.ts";
import { many, map, message, one } from "../../lib/protobuf/message.ts";
import { Stat } from "./files.ts";
import { Definition, Platform, Range, SourceInfo, SourceOp } from "./ops.ts";
import { APICap, CacheOptionsEntry, SourcePolicy, WorkerRecord } from "./types.ts";

/** The header that says which build a call belongs to. */
export const buildIdHeader = "buildkit-controlapi-buildid";

export const Ref = message("moby.buildkit.v1.frontend.Ref", { id: one(1, "string"), def: one(2, Definition) });
export const RefMap = message("moby.buildkit.v1.frontend.RefMap", { refs: map(1, Ref) });
export const Attestations = message("moby.buildkit.v1.frontend.Attestations", {});

/** One result, or several by name; of `ref` and `refs` at most one is there. */
export const Result = message("moby.buildkit.v1.frontend.Result", {
  ref: one(3, Ref),
  refs: one(4, RefMap),
  metadata: map(10, "bytes"),
  attestations: map(12, Attestations),
});

export const GatewaySolveRequest = message("moby.buildkit.v1.frontend.SolveRequest", {
  definition: one(1, Definition),
  frontend: one(2, "string"),
  frontendOpt: map(3, "string"),
  allowResultReturn: one(5, "bool"),
  allowResultArrayRef: one(6, "bool"),
  final: one(10, "bool"),
  exporterAttr: one(11, "bytes"),
  cacheImports: many(12, CacheOptionsEntry),
  frontendInputs: map(13, Definition),
  evaluate: one(14, "bool"),
  sourcePolicies: many(15, SourcePolicy),
});
export const GatewaySolveResponse = message("moby.buildkit.v1.frontend.SolveResponse", {
  ref: one(1, "string"),
  result: one(3, Result),
});

export const ReturnRequest = message("moby.buildkit.v1.frontend.ReturnRequest", {
  result: one(1, Result),
  error: one(2, RpcStatus),
});
const Empty = message("google.protobuf.Empty", {});

export const InputsResponse = message("moby.buildkit.v1.frontend.InputsResponse", { definitions: map(1, Definition) });

export const ResolveImageConfigRequest = message("moby.buildkit.v1.frontend.ResolveImageConfigRequest", {
  ref: one(1, "string"),
  platform: one(2, Platform),
  resolveMode: one(3, "string"),
  logName: one(4, "string"),
  resolverType: one(5, "int32"),
  sessionId: one(6, "string"),
  storeId: one(7, "string"),
  sourcePolicies: many(8, SourcePolicy),
});
export const ResolveImageConfigResponse = message("moby.buildkit.v1.frontend.ResolveImageConfigResponse", {
  digest: one(1, "string"),
  config: one(2, "bytes"),
  ref: one(3, "string"),
});

export const ResolveSourceMetaRequest = message("moby.buildkit.v1.frontend.ResolveSourceMetaRequest", {
  source: one(1, SourceOp),
  platform: one(2, Platform),
  logName: one(3, "string"),
  resolveMode: one(4, "string"),
  sourcePolicies: many(8, SourcePolicy),
});
export const ResolveSourceMetaResponse = message("moby.buildkit.v1.frontend.ResolveSourceMetaResponse", {
  source: one(1, SourceOp),
  image: one(
    2,
    message("moby.buildkit.v1.frontend.ResolveSourceImageResponse", {
      digest: one(1, "string"),
      config: one(2, "bytes"),
    }),
  ),
});

export const ReadFileRequest = message("moby.buildkit.v1.frontend.ReadFileRequest", {
  ref: one(1, "string"),
  filePath: one(2, "string"),
  range: one(3, message("moby.buildkit.v1.frontend.FileRange", { offset: one(1, "size"), length: one(2, "size") })),
});
export const ReadFileResponse = message("moby.buildkit.v1.frontend.ReadFileResponse", { data: one(1, "bytes") });

export const ReadDirRequest = message("moby.buildkit.v1.frontend.ReadDirRequest", {
  ref: one(1, "string"),
  dirPath: one(2, "string"),
  includePattern: one(3, "string"),
});
export const ReadDirResponse = message("moby.buildkit.v1.frontend.ReadDirResponse", { entries: many(1, Stat) });

export const StatFileRequest = message("moby.buildkit.v1.frontend.StatFileRequest", {
  ref: one(1, "string"),
  path: one(2, "string"),
});
export const StatFileResponse = message("moby.buildkit.v1.frontend.StatFileResponse", { stat: one(1, Stat) });

export const EvaluateRequest = message("moby.buildkit.v1.frontend.EvaluateRequest", { ref: one(1, "string") });

export const PongResponse = message("moby.buildkit.v1.frontend.PongResponse", {
  frontendApiCaps: many(1, APICap),
  llbCaps: many(2, APICap),
  workers: many(3, WorkerRecord),
});

export const WarnRequest = message("moby.buildkit.v1.frontend.WarnRequest", {
  digest: one(1, "string"),
  level: one(2, "size"),
  short: one(3, "bytes"),
  detail: many(4, "bytes"),
  url: one(5, "string"),
  info: one(6, SourceInfo),
  ranges: many(7, Range),
});

export const LLBBridge = service("moby.buildkit.v1.frontend.LLBBridge", {
  ResolveImageConfig: [ResolveImageConfigRequest, ResolveImageConfigResponse],
  ResolveSourceMeta: [ResolveSourceMetaRequest, ResolveSourceMetaResponse],
  Solve: [GatewaySolveRequest, GatewaySolveResponse],
  ReadFile: [ReadFileRequest, ReadFileResponse],
  ReadDir: [ReadDirRequest, ReadDirResponse],
  StatFile: [StatFileRequest, StatFileResponse],
  Evaluate: [EvaluateRequest, Empty],
  Ping: [Empty, PongResponse],
  Return: [ReturnRequest, Empty],
  Inputs: [Empty, InputsResponse],
  Warn: [WarnRequest, Empty],
});
