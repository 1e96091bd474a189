/** What went wrong in a build, as a user is told: the words, and the lines of the file. */
import type { SourceFile, SourceRange } from "../../client/buildkit/status.ts";
import { messageOf } from "../../lib/errors.ts";
import { GrpcError, statusCodes } from "../../lib/grpc/status.ts";
import { sourceText } from "./progress/summary.ts";

/** What BuildKit's errdefs.Source says; in JSON, as the details of its errors are. */
interface SourceDetail {
  readonly info?: { readonly filename?: string; readonly data?: string };
  readonly ranges?: readonly {
    readonly start?: { readonly line?: number; readonly character?: number };
    readonly end?: { readonly line?: number; readonly character?: number };
  }[];
}

/** A failed build: its text has all that is to be shown. */
export class BuildFailure extends Error {
  override readonly name = "BuildFailure";
  readonly isCancelled: boolean;
  /** An image of the failed step's files, where the builder keeps one. */
  readonly failedStep: FailedStep | null;

  constructor(text: string, isCancelled: boolean, failedStep: FailedStep | null) {
    super(text);
    this.isCancelled = isCancelled;
    this.failedStep = failedStep;
  }
}

/** The files of a RUN that failed, and how its process was started. */
export interface FailedStep {
  readonly image: string;
  readonly env: readonly string[];
  readonly directory: string;
  readonly user: string;
}

/** `ours` is what failed on this side: it says more than what the builder makes of it. */
export function buildFailure(error: unknown, ours: Error | null): BuildFailure {
  if (!(error instanceof GrpcError))
    return new BuildFailure(`ERROR: failed to build: ${messageOf(error)}`, false, null);
  const place = sourceOf(error);
  const shown = place ? sourceText(place.file, place.ranges) : "";
  const words = ours && !error.message.includes(ours.message) ? `${ours.message}` : error.message;
  const isCancelled = error.code === statusCodes.canceled;
  return new BuildFailure(
    `${shown}ERROR: failed to build: failed to solve: ${isCancelled ? "canceled: " : ""}${words}`,
    isCancelled,
    failedStepOf(error),
  );
}

function sourceOf(error: GrpcError): { readonly file: SourceFile; readonly ranges: readonly SourceRange[] } | null {
  const detail = detailOf(error, "errdefs.Source") as SourceDetail | null;
  if (!detail?.info?.data) return null;
  const ranges = (detail.ranges ?? []).map(({ start, end }) => ({
    startLine: start?.line ?? 1,
    startCharacter: start?.character ?? 0,
    endLine: end?.line ?? start?.line ?? 1,
    endCharacter: end?.character ?? 0,
  }));
  return {
    file: { filename: detail.info.filename ?? "Dockerfile", data: Buffer.from(detail.info.data, "base64") },
    ranges,
  };
}

function failedStepOf(error: GrpcError): FailedStep | null {
  const detail = detailOf(error, "dhow.FailedStep") as Partial<FailedStep> | null;
  if (!detail?.image) return null;
  return { image: detail.image, env: detail.env ?? [], directory: detail.directory ?? "", user: detail.user ?? "" };
}

/** The JSON of a detail whose type ends so; null where there is none that can be read. */
function detailOf({ details }: GrpcError, type: string): unknown {
  const found = details.find(({ typeUrl }) => typeUrl.replace(/\+json$/, "").endsWith(type));
  if (!found) return null;
  try {
    return JSON.parse(Buffer.from(found.value).toString()) as unknown;
  } catch {
    return null;
  }
}
