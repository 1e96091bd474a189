/** LLB, as far as it shows in progress, in failures, and in what stands for a build's result. `pb` in BuildKit's words. */
import { many, map, message, one } from "../../lib/protobuf/message.ts";

export const Platform = message("pb.Platform", {
  architecture: one(1, "string"),
  os: one(2, "string"),
  variant: one(3, "string"),
  osVersion: one(4, "string"),
  osFeatures: many(5, "string"),
});

export const Position = message("pb.Position", { line: one(1, "int32"), character: one(2, "int32") });

export const Range = message("pb.Range", { start: one(1, Position), end: one(2, Position) });

/** A file that locations point into. */
export const SourceInfo = message("pb.SourceInfo", {
  filename: one(1, "string"),
  data: one(2, "bytes"),
  language: one(4, "string"),
});

export const ProgressGroup = message("pb.ProgressGroup", {
  id: one(1, "string"),
  name: one(2, "string"),
  weak: one(3, "bool"),
});

export const SourceOp = message("pb.SourceOp", { identifier: one(1, "string"), attrs: map(2, "string") });

export const Input = message("pb.Input", { digest: one(1, "string"), index: one(2, "size") });

export const Op = message("pb.Op", {
  inputs: many(1, Input),
  source: one(3, SourceOp),
  platform: one(10, Platform),
});

export const OpMetadata = message("pb.OpMetadata", { ignoreCache: one(1, "bool"), description: map(2, "string") });

/** A graph: `def` holds encoded {@link Op}s, the last of them its result. */
export const Definition = message("pb.Definition", { def: many(1, "bytes"), metadata: map(2, OpMetadata) });
