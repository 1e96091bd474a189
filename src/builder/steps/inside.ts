/** Paths inside a root, found by the kernel (openat2, RESOLVE_IN_ROOT): no link of the root leads out of it. */
import { readlinkSync } from "node:fs";
import { invalidArgument } from "../../lib/errors.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt } from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, tryOpenAt2 } from "../../linux/openat2.ts";
import { fstat, S_IFDIR, S_IFMT } from "../../linux/stat.ts";
import { followLink } from "../../snapshots/archive-paths.ts";

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

/** True for a directory, and for a link that leads to one. */
export function isDirectoryIn(target: string, path: string): boolean {
  const rootFd = openAt(AT_FDCWD, target, O_DIRECTORY);
  const fd = tryOpenAt2(rootFd, `./${path}`, O_PATH, RESOLVE_IN_ROOT);
  close(rootFd);
  if (fd < 0) return false;
  try {
    return (fstat(fd).mode & S_IFMT) === S_IFDIR;
  } finally {
    close(fd);
  }
}

/** The path without links, inside the root, also where what they lead to is still to be made; there the files go. */
export function withoutLinks(target: string, path: string): string {
  const rootFd = openAt(AT_FDCWD, target, O_DIRECTORY);
  try {
    return resolveLinks(
      rootFd,
      "",
      path.split("/").filter((part) => part !== "" && part !== "."),
      0,
    );
  } finally {
    close(rootFd);
  }
}

const mostLinks = 40;

function resolveLinks(rootFd: number, above: string, parts: readonly string[], links: number): string {
  let path = above;
  for (const part of parts) {
    const next = `${path}/${part}`;
    const end = followLink(rootFd, next);
    if (end === next) path = next;
    else if (links >= mostLinks) throw invalidArgument(`too many links in path: ${next}`);
    else
      path = resolveLinks(
        rootFd,
        "",
        end.split("/").filter((each) => each !== ""),
        links + 1,
      );
  }
  return path;
}

/** Where the kernel finds the file in the end, as a path inside the root. */
export function followed(rootFd: number, path: string): string {
  const fd = tryOpenAt2(rootFd, `./${path}`, O_PATH, RESOLVE_IN_ROOT);
  if (fd < 0) return path;
  try {
    return pathInside(rootFd, fd) ?? path;
  } finally {
    close(fd);
  }
}

function pathInside(rootFd: number, fd: number): string | null {
  const [top, whole] = [readlinkSync(`/proc/self/fd/${rootFd}`), readlinkSync(`/proc/self/fd/${fd}`)];
  const prefix = top === "/" ? "/" : `${top}/`;
  return whole.startsWith(prefix) ? whole.slice(prefix.length) : null;
}
