import { type ErrorKind, kindOf } from "../lib/errors.ts";

/** Error kind to HTTP status: the only place where the two meet. */
const statuses: Readonly<Record<ErrorKind, number>> = {
  notModified: 304,
  invalidArgument: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  tooLarge: 413,
  canceled: 499,
  dataLoss: 500,
  internal: 500,
  system: 500,
  notImplemented: 501,
  unavailable: 503,
  resourceExhausted: 507,
};

/** The status that answers a request which failed with `error`. */
export function statusOf(error: unknown): number {
  return statuses[kindOf(error)];
}
