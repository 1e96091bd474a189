/** Details of a failed build, as they stand in a call's status. */
import { many, map, message, one } from "../../lib/protobuf/message.ts";
import { Op, Range, SourceInfo } from "./ops.ts";

/** Where in which file it happened. */
export const FailedSource = message("errdefs.Source", { info: one(1, SourceInfo), ranges: many(2, Range) });

/** Which step it was. */
export const FailedVertex = message("errdefs.Vertex", { digest: one(1, "string") });

export const FailedSolve = message("errdefs.Solve", {
  inputIds: many(1, "string"),
  mountIds: many(2, "string"),
  op: one(3, Op),
  description: map(6, "string"),
});

/** A request that the frontend does not know. */
export const UnknownSubrequest = message("errdefs.Subrequest", { name: one(1, "string") });

/** The frontend lacks a capability. */
export const UnknownCapability = message("errdefs.FrontendCap", { name: one(1, "string") });
