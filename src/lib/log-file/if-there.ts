/** What is asked of a log's files that a rotation may have taken away. */
import { constants, openSync, renameSync, statSync } from "node:fs";
import { isErrno } from "../../linux/syscall-error.ts";

function orNull<T>(step: () => T): T | null {
  try {
    return step();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/** `null` when there is no such file; so for the others. */
export const inodeOf = (path: string): number | null => orNull(() => statSync(path).ino);

/** A descriptor for reading, of the file itself and not of what a link names. */
export const openIfThere = (path: string): number | null =>
  orNull(() => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW));

/** False when there is no such file. */
export function renameIfThere(from: string, to: string): boolean {
  const moved = orNull(() => {
    renameSync(from, to);
    return true;
  });
  return moved ?? false;
}
