/** Sources of bind mounts: host paths as the user gave them. */
import { mkdir, stat } from "node:fs/promises";
import { invalidArgument } from "../lib/errors.ts";
import { isErrno } from "../linux/syscall-error.ts";

export const sourceMissing = (source: string): Error =>
  invalidArgument(`invalid mount config for type "bind": bind source path does not exist: ${source}`);

/** Throws in Docker's words when there is nothing at the path. */
export async function requireSource(source: string): Promise<void> {
  try {
    await stat(source);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    throw sourceMissing(source);
  }
}

/** Makes a missing source, as `-v` does. */
export async function makeSource(source: string): Promise<void> {
  try {
    await mkdir(source, { recursive: true, mode: 0o755 });
  } catch (error) {
    // A file, or a link to one, is a source as good as a directory.
    if (!isErrno(error, "EEXIST", "ENOTDIR")) throw error;
  }
}
