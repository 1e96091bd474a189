/** The empty files and directories that a runtime makes for mounts to lie on, which are no part of the step's layer. */
import { AT_FDCWD, AT_REMOVEDIR, close, O_DIRECTORY, openAt, unlinkAt } from "../../linux/file.ts";
import { S_IFDIR, S_IFMT, S_IFREG, tryLstatAt } from "../../linux/stat.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { locate } from "../../snapshots/archive-paths.ts";
import { resolveInside } from "./inside.ts";

/** The paths leading to `targets` that are not there yet, deepest first. */
export function missingPaths(root: string, targets: readonly string[]): string[] {
  const missing = new Set<string>();
  for (const target of targets) {
    const parts = target.split("/").filter((part) => part !== "");
    for (let depth = 1; depth <= parts.length; depth++) {
      const path = `/${parts.slice(0, depth).join("/")}`;
      if (resolveInside(root, path) === null) missing.add(path);
    }
  }
  return [...missing].sort((a, b) => b.length - a.length);
}

/** Takes those of `paths` away that are empty, directory or file; nothing runs in the root any more. */
export function removeStubs(root: string, paths: readonly string[]): void {
  const rootFd = openAt(AT_FDCWD, root, O_DIRECTORY);
  try {
    for (const path of paths) removeStub(rootFd, path);
  } finally {
    close(rootFd);
  }
}

function removeStub(root: number, path: string): void {
  try {
    using at = locate(root, path);
    const stat = tryLstatAt(at.dir, at.name);
    const kind = stat ? stat.mode & S_IFMT : 0;
    if (kind === S_IFDIR) unlinkAt(at.dir, at.name, AT_REMOVEDIR);
    else if (kind === S_IFREG && stat?.size === 0) unlinkAt(at.dir, at.name);
  } catch (error) {
    // A command that put something there meant it, and one that took the way there away has done the work.
    if (!isErrno(error, "ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR", "EBUSY")) throw error;
  }
}
