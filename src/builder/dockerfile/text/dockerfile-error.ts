import { DhowError, type ErrorKind, isKind, messageOf } from "../../../lib/errors.ts";
import { excerpt, type Range, type Source } from "./source.ts";

/**
 * Something wrong with a Dockerfile, or with what it asks for, and where. The message is BuildKit's wherever it has one; the
 * kind is `invalidArgument` but for images and the like that cannot be had.
 */
export class DockerfileError extends DhowError {
  override readonly name: string = "DockerfileError";
  /** The lines it is about. */
  readonly ranges: readonly Range[];
  /** The word it is about, where one is to blame. */
  readonly caret: Range | null;

  constructor(
    message: string,
    ranges: readonly Range[],
    caret: Range | null = null,
    { kind = "invalidArgument", ...options }: { cause?: unknown; kind?: ErrorKind } = {},
  ) {
    super(kind, message, options);
    this.ranges = ranges;
    this.caret = caret;
  }
}

/** The word to blame, or how to find it once there is blame. */
type Caret = Range | null | (() => Range | null);

/**
 * Runs `action` and gives an `invalidArgument` that it throws its place. One that has a place already keeps it, and what is
 * no fault of the file (an image that cannot be fetched) passes through.
 */
export function located<T>(ranges: readonly Range[], caret: Caret, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof DockerfileError || !isKind(error, "invalidArgument")) throw error;
    throw new DockerfileError(error.message, ranges, typeof caret === "function" ? caret() : caret, { cause: error });
  }
}

/** As {@link located}, for text that is not in the file, such as a base's triggers: its own places mean nothing to a reader. */
export function relocated<T>(ranges: readonly Range[], action: () => T): T {
  try {
    return located(ranges, null, action);
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    throw new DockerfileError(error.message, ranges, null, { cause: error, kind: error.kind });
  }
}

/** The message, and below it the lines of the file with a caret. */
export function describeError(error: unknown, source: Source): string {
  if (!(error instanceof DockerfileError)) return messageOf(error);
  const shown = excerpt(source, error.ranges, error.caret);
  return shown === "" ? error.message : `${error.message}\n${shown}`;
}
