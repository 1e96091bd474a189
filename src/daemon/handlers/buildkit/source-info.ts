/** Places in a Dockerfile, and failures that have one, as BuildKit's clients read them. */
import { type FailurePosition, failureDetail } from "../../../api/buildkit/failures.ts";
import { BuildFailed } from "../../../builder/build-failed.ts";
import { DockerfileError } from "../../../builder/dockerfile/text/dockerfile-error.ts";
import { maskedSource, type Range, type Source } from "../../../builder/dockerfile/text/source.ts";
import { StepFailed } from "../../../builder/solver/solver.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import { GrpcError, type StatusDetail, statusCodes, statusOf } from "../../../lib/grpc/status.ts";
import type { Vertex } from "./progress.ts";

const language = "Dockerfile";

const textOf = (source: Source): Buffer => Buffer.from(maskedSource(source).lines.join("\n"));

export const sourceInfo = (source: Source): { filename: string; data: Uint8Array; language: string } => ({
  filename: source.name,
  data: textOf(source),
  language,
});

interface Positions {
  start: { line: number; character: number };
  end: { line: number; character: number };
}

/** Whole lines, as BuildKit has them. */
export const positionsOf = ({ start, end }: Range): Positions => ({
  start: { line: start.line, character: 0 },
  end: { line: end.line, character: 0 },
});

/** A failed build as a status: BuildKit's message, and where in the file it happened as a detail of its own. */
export function failureOf(error: unknown, vertex: Vertex | undefined): GrpcError {
  const details: StatusDetail[] = vertex === undefined ? [] : [failureDetail("vertex", { digest: vertex.digest })];
  if (!(error instanceof BuildFailed) || !(error.cause instanceof DockerfileError)) {
    const { code, message, details: own } = statusOf(error);
    return new GrpcError(code, message, { details: [...own, ...details], cause: error });
  }
  const { source, cause } = error;
  if (error.keptImage !== null) details.push(failureDetail("failedStep", { image: error.keptImage }));
  if (cause.ranges.length > 0) details.push(sourceDetail(source, cause.ranges));
  // BuildKit has no code for what is wrong with a file: clients would put its name before the message.
  const message = cause instanceof StepFailed && cause.exitCode !== null ? processFailed(cause) : cause.message;
  return new GrpcError(statusCodes.unknown, message, { details, cause: error });
}

/** The failed command in BuildKit's words instead of the classic builder's. */
function processFailed({ message, exitCode }: StepFailed): string {
  const command = /^The command '(.*)' returned a non-zero code: \d+$/s.exec(message)?.[1];
  if (command === undefined) return message;
  return `process ${printf("%q", [command])} did not complete successfully: exit code: ${exitCode}`;
}

function sourceDetail(source: Source, ranges: readonly Range[]): StatusDetail {
  const position = (line: number): FailurePosition => ({ line });
  const info = { filename: source.name, data: textOf(source).toString("base64"), language };
  return failureDetail("source", {
    info,
    ranges: ranges.map(({ start, end }) => ({ start: position(start.line), end: position(end.line) })),
  });
}
