/** Failures with the place in the Dockerfile that they are about. */
import { DhowError } from "../lib/errors.ts";
import { DockerfileError, describeError } from "./dockerfile/text/dockerfile-error.ts";
import type { Source } from "./dockerfile/text/source.ts";
import { StepFailed } from "./solver/solver.ts";

/** A build's failure as it is told; with the exit code of a RUN that it was. */
export class BuildFailed extends DhowError {
  readonly exitCode: number | null;
  /** The file that it is about. */
  readonly source: Source;
  /** Id of the image that has what the step left (`keepsFailed`); it is the caller's to remove. */
  readonly keptImage: string | null;

  constructor(cause: DockerfileError, source: Source) {
    super(cause.kind, describeError(cause, source), { cause });
    this.source = source;
    this.exitCode = cause instanceof StepFailed ? cause.exitCode : null;
    this.keptImage = cause instanceof StepFailed ? cause.keptImage : null;
  }
}

/** The error with the lines of the file that it is about, where it knows them. */
export function placed(error: unknown, source: Source): unknown {
  if (!(error instanceof DockerfileError)) return error;
  return new BuildFailed(error, source);
}
