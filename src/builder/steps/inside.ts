/** Paths inside a root, found by the kernel (openat2, RESOLVE_IN_ROOT): no link of the root leads out of it. */
import { readlinkSync } from "node:fs";
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt } from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, tryOpenAt2 } from "../../linux/openat2.ts";

/**
 * Where `path` is in the end, on this host; null when it is not there. What it says holds as long as nobody else changes the
 * root.
 */
export function resolveInside(root: string, path: string): string | null {
  const rootFd = openAt(AT_FDCWD, root, O_DIRECTORY);
  try {
    const fd = tryOpenAt2(rootFd, `./${path}`, O_PATH, RESOLVE_IN_ROOT);
    if (fd < 0) return null;
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } finally {
      close(fd);
    }
  } finally {
    close(rootFd);
  }
}
