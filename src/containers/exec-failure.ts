import { conflict, DhowError } from "../lib/errors.ts";
import type { Container } from "./container.ts";
import { hasProcess } from "./lifecycle.ts";
import { settlesWithin } from "./settles.ts";

/** How long the news of an end may take. */
const newsDelay = 2000;

/** The code that a runtime's refusal stands for. */
export const exitCodeOf = (error: unknown) =>
  error instanceof Error && "exitCode" in error ? error.exitCode : undefined;

/**
 * What a failed exec is told: of a container that was dying, that it does not run, whatever was missing of it first. Its end
 * may be told a moment later.
 */
export async function reasonOf(container: Container, error: unknown): Promise<unknown> {
  const code = exitCodeOf(error);
  const own = typeof code === "number" ? code !== 128 : error instanceof DhowError && error.kind !== "notFound";
  if (own) return error;
  const { ended } = container;
  const isOver = !hasProcess(container.status) || (await settlesWithin(ended.promise, newsDelay));
  return isOver ? conflict(`container ${container.id} is not running`) : error;
}
