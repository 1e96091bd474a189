/** The empty files and directories that a runtime makes for mounts to lie on, which are no part of the step's layer. */
import { mkdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
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

/** Makes the directories that a process's file systems lie on, which are part of the layer as they are with BuildKit. */
export function makeMountDirectories(root: string): void {
  for (const name of ["dev", "proc", "sys"]) {
    if (resolveInside(root, `/${name}`) === null) mkdirSync(join(root, name), { mode: 0o755 });
  }
}

/** Makes empty files where nothing is; the time of their directory stays, for they are no change of the tree's. */
export function makeFileStubs(root: string, paths: readonly string[]): void {
  for (const path of paths) {
    if (resolveInside(root, path) !== null) continue;
    const directory = dirname(path).slice(1);
    mkdirSync(join(root, directory), { recursive: true, mode: 0o755 });
    keepingTimes(join(root, directory), () => writeFileSync(join(root, path), "", { mode: 0o644, flag: "wx" }));
  }
}

function keepingTimes(directory: string, action: () => void): void {
  const { atime, mtime } = statSync(directory);
  action();
  utimesSync(directory, atime, mtime);
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
    const directory = `/proc/self/fd/${at.dir}`;
    if (kind === S_IFDIR) keepingTimes(directory, () => unlinkAt(at.dir, at.name, AT_REMOVEDIR));
    else if (kind === S_IFREG && stat?.size === 0) keepingTimes(directory, () => unlinkAt(at.dir, at.name));
  } catch (error) {
    // A command that put something there meant it, and one that took the way there away has done the work.
    if (!isErrno(error, "ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR", "EBUSY")) throw error;
  }
}
