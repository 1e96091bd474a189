/** A build's failure as it is told. */
import { DhowError } from "../lib/errors.ts";
import { DockerfileError, describeError } from "./dockerfile/text/dockerfile-error.ts";
import type { Source } from "./dockerfile/text/source.ts";
import { StepFailed } from "./solver/solver.ts";

/** With the exit code of a RUN that it was. */
export class BuildFailed extends DhowError {
  readonly exitCode: number | null;
  /** Id of the image that has what the step left (`keepsFailed`); it is the caller's to remove. */
  readonly keptImage: string | null;

  constructor(message: string, cause: DockerfileError) {
    super(cause.kind, message, { cause });
    this.exitCode = cause instanceof StepFailed ? cause.exitCode : null;
    this.keptImage = cause instanceof StepFailed ? cause.keptImage : null;
  }
}

/** The error with the lines of the file that it is about, where it knows them. */
export function placed(error: unknown, source: Source): unknown {
  if (!(error instanceof DockerfileError)) return error;
  return new BuildFailed(describeError(error, source), error);
}
