/** `-o size=` of a local volume. */
import { invalidArgument } from "../lib/errors.ts";
import { parseBytes } from "../lib/units.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openAt } from "../linux/file.ts";
import { limitTree } from "../linux/project-quota.ts";

/** Bytes of the option; 0 is no limit. Throws in Docker's words for what is no size. */
export function sizeOption(name: string, size: string): number {
  if (!/^\d+(\.\d+)?\s?([kKmMgGtTpP]i?)?[bB]?$/.test(size)) {
    throw invalidArgument(`create ${name}: invalid size: '${size}'`);
  }
  return parseBytes(size);
}

/** Limits the data of the volume `name` at `path`, 0 being no limit yet; throws in Docker's words where the file system keeps no limits. */
export function limitSize(name: string, path: string, limit: number): void {
  const fd = openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    if (!limitTree(fd, limit)) throw invalidArgument(`create ${name}: quota size requested but no quota support`);
  } finally {
    close(fd);
  }
}
