/** The working directory of a process: inside the root, made when it is missing. */
import { posix } from "node:path";
import { invalidArgument, systemError } from "../../lib/errors.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt, readlinkAt, tryMkdirAt } from "../../linux/file.ts";
import { openAt2, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS } from "../../linux/openat2.ts";
import { S_IFDIR, S_IFLNK, S_IFMT, tryLstatAt } from "../../linux/stat.ts";
import { isErrno } from "../../linux/syscall-error.ts";

const maxLinks = 40;

/** Directories of processes, which a runtime's own descriptors turn into a way out (CVE-2024-21626), by any spelling. */
const ofProcesses = /^\/(proc\/(self|thread-self|[0-9]+)|dev\/(fd|stdin|stdout|stderr))(\/|$)/;

/**
 * Where `cwd` leads under `rootfs` once its links are followed; throws `invalidArgument` when that is a process's directory
 * in /proc. The root must not change meanwhile; what does not exist yet is taken as spelled.
 */
export function resolveWorkingDir(rootfs: string, cwd: string): string {
  const root = openAt(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY);
  try {
    const resolved = follow(root, posix.resolve("/", cwd));
    if (ofProcesses.test(resolved)) {
      throw invalidArgument(`the working directory '${cwd}' is invalid: it leads into a process's own directory`);
    }
    return resolved;
  } finally {
    close(root);
  }
}

/** Makes `cwd` under `rootfs` (root's, 0755) unless it is there; throws as {@link resolveWorkingDir}, and when a file is in the way. */
export function ensureWorkingDir(rootfs: string, cwd: string): void {
  const resolved = resolveWorkingDir(rootfs, cwd);
  const root = openAt(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY);
  try {
    makeAll(root, resolved, cwd);
  } finally {
    close(root);
  }
}

function makeAll(root: number, resolved: string, cwd: string): void {
  let at = "/";
  for (const part of resolved.split("/").filter((name) => name !== "")) {
    const parent = openAt2(root, at, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    try {
      const stat = tryLstatAt(parent, part);
      if (stat && (stat.mode & S_IFMT) !== S_IFDIR) throw systemError(`Cannot mkdir: ${cwd} is not a directory`);
      if (!stat) tryMkdirAt(parent, part, 0o755);
    } catch (error) {
      if (isErrno(error, "EROFS")) return;
      throw error;
    } finally {
      close(parent);
    }
    at = posix.join(at, part);
  }
}

function follow(root: number, path: string): string {
  const waiting = path.split("/").filter((name) => name !== "");
  let done: string[] = [];
  let links = 0;
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const target = linkTarget(root, done, part);
    if (target === null) {
      done.push(part);
      continue;
    }
    if (++links > maxLinks) throw systemError(`too many links in working directory ${path}`);
    if (target.startsWith("/")) done = [];
    waiting.unshift(...target.split("/"));
  }
  return `/${done.join("/")}`;
}

/** What the link `name` in the (resolved) directory `parts` points to; null when it is no link or not there. */
function linkTarget(root: number, parts: readonly string[], name: string): string | null {
  try {
    const parent = openAt2(root, `/${parts.join("/")}`, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    try {
      const stat = tryLstatAt(parent, name);
      return stat && (stat.mode & S_IFMT) === S_IFLNK ? readlinkAt(parent, name).toString("utf8") : null;
    } finally {
      close(parent);
    }
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}
