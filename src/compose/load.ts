/** Compose files -> one project. */
import { notImplemented } from "../lib/errors.ts";
import type { LoadOptions } from "./load-options.ts";
import type { Project } from "./model/project.ts";

/**
 * Finds, reads, merges and checks the Compose files. Everything that is wrong in them is found together and thrown as one
 * `ComposeError` (kind `invalidArgument`), each with file, line, column and path. Throws `notFound` when there is no file,
 * or no service of a name that was asked for.
 */
export async function loadProject(options: LoadOptions): Promise<Project> {
  throw notImplemented(`loading Compose files is being built (${options.cwd})`);
}
