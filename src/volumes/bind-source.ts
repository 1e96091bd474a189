/** Sources of bind mounts: host paths as the user gave them. */
import { mkdir, realpath } from "node:fs/promises";
import { invalidArgument } from "../lib/errors.ts";
import { isErrno } from "../linux/syscall-error.ts";

/** The path with its links followed; throws in Docker's words when it is not there. */
export async function existing(source: string): Promise<string> {
  try {
    return await realpath(source);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    throw invalidArgument(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
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
