import { statSync } from "node:fs";
import { isErrno } from "../../linux/syscall-error.ts";

/** `null` when there is no such file. */
export function inodeOf(path: string): number | null {
  try {
    return statSync(path).ino;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}
