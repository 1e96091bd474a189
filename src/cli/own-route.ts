/** Routes that only dhow has: what to say where the daemon is another one. */
import { ApiError } from "../client/client.ts";

/** True for the answer of a daemon that does not know the route. */
export function isUnknownRoute(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404 && error.message.trim() === "page not found";
}

/** Runs `call`; a daemon that does not know the route is said to be no dhow. */
export async function ofDhow<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isUnknownRoute(error)) throw error;
    throw new Error(`${what} needs a dhow daemon: the one that answers does not know how to`, { cause: error });
  }
}
