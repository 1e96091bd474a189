/** Reading files of an image: the path stays inside the root whatever links it holds, and the bytes stay bounded. */

import { systemError } from "../../lib/errors.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_NONBLOCK, O_PATH, O_RDONLY, openAt, readFd } from "../../linux/file.ts";
import { openAt2, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../../linux/openat2.ts";
import { fstat, S_IFMT, S_IFREG } from "../../linux/stat.ts";
import { isErrno } from "../../linux/syscall-error.ts";

/**
 * The text of the regular file `path` under `rootfs`, or null when it is absent; throws when it is of another type (nothing
 * but a regular file is ever opened for reading) or holds more than `limit` bytes.
 */
export function readRootFile(rootfs: string, path: string, limit: number): string | null {
  const root = openAt(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY);
  try {
    return readBelow(root, path, limit);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return null;
    throw error;
  } finally {
    close(root);
  }
}

function readBelow(root: number, path: string, limit: number): string {
  const pinned = openAt2(root, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  try {
    const stat = fstat(pinned);
    if ((stat.mode & S_IFMT) !== S_IFREG) throw systemError(`${path} of the image is not a regular file`);
    if (stat.size > limit) throw systemError(`${path} of the image is larger than ${limit} bytes`);
    const fd = openAt(AT_FDCWD, `/proc/self/fd/${pinned}`, O_RDONLY | O_NONBLOCK);
    try {
      return readUpTo(fd, path, limit);
    } finally {
      close(fd);
    }
  } finally {
    close(pinned);
  }
}

/** The size was right a moment ago; a file that grows is still cut off by an error. */
function readUpTo(fd: number, path: string, limit: number): string {
  const chunks: Buffer[] = [];
  for (let total = 0; ; ) {
    const chunk = Buffer.alloc(Math.min(65536, limit + 1 - total));
    const count = readFd(fd, chunk);
    if (count === 0) return Buffer.concat(chunks).toString("utf8");
    total += count;
    if (total > limit) throw systemError(`${path} of the image is larger than ${limit} bytes`);
    chunks.push(chunk.subarray(0, count));
  }
}
