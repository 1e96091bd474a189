/** What went wrong in a build, as a user is told: the words, and the lines of the file. */
import { failuresIn } from "../../api/buildkit/failures.ts";
import type { SourceFile, SourceRange } from "../../client/buildkit/status.ts";
import { messageOf } from "../../lib/errors.ts";
import { lostConnection } from "../../lib/grpc/client.ts";
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
  /** Null where it was no RUN that failed. */
  readonly failedStep: FailedStep | null;

  constructor(text: string, isCancelled: boolean, failedStep: FailedStep | null) {
    super(text);
    this.isCancelled = isCancelled;
    this.failedStep = failedStep;
  }
}

/** What is there of a RUN that failed. */
export interface FailedStep {
  /** Its files, with its environment, directory and user; null where the builder kept nothing. */
  readonly image: string | null;
}

/** `ours` is what failed on this side: it says more than what the builder makes of it. */
export function buildFailure(error: unknown, ours: Error | null): BuildFailure {
  if (!(error instanceof GrpcError))
    return new BuildFailure(`ERROR: failed to build: ${messageOf(error)}`, false, null);
  if (error.message === lostConnection)
    return new BuildFailure(`ERROR: failed to build: the daemon went away: ${error.message}`, false, null);
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
  const [kept] = failuresIn(error.details, "failedStep");
  if (kept?.image) return { image: kept.image };
  return /did not complete successfully: exit code: \d+/.test(error.message) ? { image: null } : null;
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
