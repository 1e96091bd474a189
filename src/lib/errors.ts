/**
 * The engine's one error taxonomy. A kind says what the caller should do next, not where the error came from; floors
 * above translate kinds (to HTTP statuses, exit codes) in one table each.
 */
export const errorKinds = [
  "invalidArgument",
  "unauthorized",
  "forbidden",
  "notFound",
  "conflict",
  "notModified",
  "tooLarge",
  "notImplemented",
  "unavailable",
  "resourceExhausted",
  "canceled",
  "dataLoss",
  /** A failure that dockerd itself answers with 500, its message part of what clients know. */
  "system",
  /** A bug of ours. */
  "internal",
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/** An error with a {@link ErrorKind}; its message is written for the person who reads the client's output. */
export class DhowError extends Error {
  override readonly name: string = "DhowError";
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

/** The kind of any thrown value; what is not a {@link DhowError} is `internal`. */
export function kindOf(error: unknown): ErrorKind {
  return error instanceof DhowError ? error.kind : "internal";
}

/** True when `error` is a {@link DhowError} of one of `kinds`. */
export function isKind(error: unknown, ...kinds: ErrorKind[]): error is DhowError {
  return error instanceof DhowError && kinds.includes(error.kind);
}

/** The message of any thrown value, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

type Maker = (message: string, options?: { cause?: unknown }) => DhowError;
const maker =
  (kind: ErrorKind): Maker =>
  (message, options) =>
    new DhowError(kind, message, options);

export const invalidArgument = maker("invalidArgument");
export const unauthorized = maker("unauthorized");
export const forbidden = maker("forbidden");
export const notFound = maker("notFound");
export const conflict = maker("conflict");
export const notModified = maker("notModified");
export const tooLarge = maker("tooLarge");
export const notImplemented = maker("notImplemented");
export const unavailable = maker("unavailable");
export const resourceExhausted = maker("resourceExhausted");
export const canceled = maker("canceled");
export const dataLoss = maker("dataLoss");
export const systemError = maker("system");
export const internal = maker("internal");
