/**
 * A directory that paths are resolved under: every lookup goes through openat2(RESOLVE_IN_ROOT), so that neither the
 * links of an archive nor a process that changes the tree meanwhile leads outside (openat2(2)).
 */
import { invalidArgument } from "../../lib/errors.ts";
import {
  AT_FDCWD,
  close,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  openAt,
  tryMkdirAt,
  tryOpenAt,
  unlinkAt,
} from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, tryOpenAt2 } from "../../linux/openat2.ts";
import { type FileStat, fstat, S_IFCHR, S_IFMT, tryLstatAt } from "../../linux/stat.ts";
import { SyscallError } from "../../linux/syscall-error.ts";
import { joinPath, shown } from "./path.ts";

const ENOENT = 2;
const ENOTDIR = 20;
const cacheSize = 64;

/** Tells of a directory that no entry named but that had to be made: `parts` lead to it, `fd` (O_PATH) is it. */
export type ImpliedDirectory = (fd: number, parts: readonly Buffer[], replacedWhiteout: boolean) => void;

export class TreeRoot implements Disposable {
  readonly fd: number;
  readonly device: number;
  readonly #implied: ImpliedDirectory;
  readonly #cache = new Map<string, number>();

  /** Opens `root`, which is the caller's own path and trusted. */
  constructor(root: string, implied: ImpliedDirectory) {
    this.fd = openAt(AT_FDCWD, root, O_DIRECTORY);
    this.device = fstat(this.fd).dev;
    this.#implied = implied;
  }

  [Symbol.dispose](): void {
    this.forget();
    close(this.fd);
  }

  /** Drops what was remembered of the tree's shape: to be called when a directory or a link has been replaced. */
  forget(): void {
    for (const fd of this.#cache.values()) close(fd);
    this.#cache.clear();
  }

  /** An O_PATH descriptor of the directory `parts`, made when `create` and absent; valid until the next call. -errno else. */
  directory(parts: readonly Buffer[], create: boolean): number {
    if (parts.length === 0) return this.fd;
    const path = joinPath(parts);
    const key = path.toString("latin1");
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    let fd = tryOpenAt2(this.fd, path, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
    if (fd < 0 && create && (fd === -ENOENT || fd === -ENOTDIR)) fd = this.#make(parts);
    if (fd < 0) return fd;
    if (this.#cache.size >= cacheSize) this.#dropOldest();
    this.#cache.set(key, fd);
    return fd;
  }

  /** As {@link directory}, throwing `invalidArgument` where the path leads through something that is no directory. */
  parent(parts: readonly Buffer[]): number {
    const fd = this.directory(parts, true);
    if (fd >= 0) return fd;
    const error = new SyscallError("openat2", -fd, shown(joinPath(parts)));
    throw invalidArgument(`invalid path in archive: ${error.message}`, { cause: error });
  }

  /** Opens `parts` itself, not following it when it is a link; -errno when it is not there. */
  openEntry(parts: readonly Buffer[], flags: number): number {
    const last = parts.at(-1);
    if (!last) return tryOpenAt2(this.fd, ".", flags & ~O_NOFOLLOW, RESOLVE_IN_ROOT);
    const parent = this.directory(parts.slice(0, -1), false);
    return parent < 0 ? parent : tryOpenAt(parent, last, flags | O_NOFOLLOW);
  }

  #dropOldest(): void {
    for (const [key, fd] of this.#cache) {
      close(fd);
      this.#cache.delete(key);
      return;
    }
  }

  /** Makes the missing directories of `parts` one by one. A whiteout in the way is replaced: its name lives again. */
  #make(parts: readonly Buffer[]): number {
    for (let depth = 1; depth <= parts.length; depth++) {
      const prefix = parts.slice(0, depth);
      let fd = tryOpenAt2(this.fd, joinPath(prefix), O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
      if (fd === -ENOENT || fd === -ENOTDIR) {
        const parent = depth === 1 ? this.fd : this.directory(parts.slice(0, depth - 1), false);
        if (parent < 0) return parent;
        const replaced = this.#makeOne(parent, prefix);
        fd = tryOpenAt2(this.fd, joinPath(prefix), O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
        if (fd >= 0 && replaced !== null) this.#implied(fd, prefix, replaced);
      }
      if (fd < 0 || depth === parts.length) return fd;
      close(fd);
    }
    return -ENOENT;
  }

  /** Answers whether a whiteout was replaced; `null` when something else was there already. */
  #makeOne(parent: number, parts: readonly Buffer[]): boolean | null {
    const name = parts.at(-1) ?? Buffer.alloc(0);
    if (tryMkdirAt(parent, name, 0o755)) return false;
    if (!isWhiteout(parent, name)) return null;
    unlinkAt(parent, name);
    return tryMkdirAt(parent, name, 0o755) ? true : null;
  }
}

/** True for overlayfs's mark of a deleted name: a character device 0:0. */
export function isWhiteout(dir: number, name: Buffer): boolean {
  const stat = tryLstatAt(dir, name);
  return stat !== null && marksDeletion(stat);
}

/** As {@link isWhiteout}, of what is known already. */
export function marksDeletion({ mode, rdevMajor, rdevMinor }: FileStat): boolean {
  return (mode & S_IFMT) === S_IFCHR && rdevMajor === 0 && rdevMinor === 0;
}
