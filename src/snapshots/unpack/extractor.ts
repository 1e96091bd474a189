/**
 * Puts the members of a tar archive under a directory, keeping owner, mode, times in nanoseconds, extended attributes,
 * hard links, devices and FIFOs. Nothing outside the directory is read, made or changed whatever the archive holds.
 */
import { invalidArgument } from "../../lib/errors.ts";
import type { TarEntry, TarSink, TarTime } from "../../lib/tar/entry.ts";

import { makeDevice } from "../../linux/device.ts";
import {
  close,
  fchmod,
  fchown,
  ftruncate,
  futimens,
  linkPathFd,
  mknodAt,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_WRONLY,
  openAt,
  skipFd,
  symlinkAt,
  tryMkdirAt,
  tryOpenAt,
  writeFd,
} from "../../linux/file.ts";
import { lstatAt, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT } from "../../linux/stat.ts";
import { isErrno, SyscallError } from "../../linux/syscall-error.ts";
import type { Budget } from "./budget.ts";
import { DirectoryTimes, type Owner, setAttributes, setMetadata } from "./metadata.ts";
import { cleanPath, joinPath, shown, startsWith } from "./path.ts";
import { explain, overwrite } from "./refusal.ts";
import { removeTree } from "./remove-tree.ts";
import { type ImpliedDirectory, isWhiteout, TreeRoot } from "./tree-root.ts";
import { isOpaqueMark, markOpaque, whiteoutPrefix, whiteoutTarget, writeWhiteout } from "./whiteout.ts";

export interface ExtractOptions {
  /** `layer`: whiteouts become overlayfs's marks; `copy`: names are just names. */
  readonly mode: "layer" | "copy";
  readonly budget: Budget;
  /** Owner of everything; `null` keeps the archive's. */
  readonly owner?: Owner | null;
  /** Refuse to replace a directory by something else and the other way round. */
  readonly noOverwriteDirNonDir?: boolean;
  /** Directory inside the root that the archive is put in. */
  readonly base?: readonly Buffer[];
  /** Called for a directory that no member has named (yet); may set its metadata, and answers the time it should keep. */
  readonly onImplied?: (...args: Parameters<ImpliedDirectory>) => TarTime | null;
}

const EEXIST = 17;

export class Extractor implements TarSink, Disposable {
  readonly #tree: TreeRoot;
  readonly #options: ExtractOptions;
  readonly #base: readonly Buffer[];
  readonly #directories: DirectoryTimes;
  #file = -1;
  #entry: TarEntry | null = null;
  #position = 0;
  #inHole = false;
  /** Sizes of the files made, as lstat tells them: the size of the layer. */
  size = 0;

  constructor(root: string, options: ExtractOptions) {
    this.#options = options;
    this.#base = options.base ?? [];
    this.#tree = new TreeRoot(root, (fd, parts, replaced) => {
      options.budget.takeInode();
      if (replaced) markOpaque(fd);
      const mtime = options.onImplied?.(fd, parts, replaced);
      if (mtime) this.#directories.remember(parts, mtime);
    });
    this.#directories = new DirectoryTimes(this.#tree);
  }

  [Symbol.dispose](): void {
    this.#closeFile();
    this.#tree[Symbol.dispose]();
  }

  /** To be called after the last member: sets what children would have disturbed. */
  finish(): void {
    this.#directories.apply();
  }

  entry(entry: TarEntry): void {
    try {
      this.#place(entry);
    } catch (error) {
      throw explain(error, entry);
    }
  }

  data(bytes: Uint8Array): void {
    this.#options.budget.takeBytes(bytes.length);
    this.size += bytes.length;
    this.#position += bytes.length;
    this.#inHole = false;
    if (this.#file >= 0) writeFd(this.#file, bytes);
  }

  hole(length: number): void {
    this.size += length;
    this.#position += length;
    this.#inHole = true;
    if (this.#file >= 0) skipFd(this.#file, length);
  }

  end(): void {
    const entry = this.#entry;
    if (this.#file < 0 || !entry) return;
    try {
      if (this.#inHole) ftruncate(this.#file, this.#position);
      const owner = this.#options.owner ?? entry;
      fchown(this.#file, owner.uid, owner.gid);
      // chown clears these bits, and the creating mode was cut by nothing else: helpers run with umask 0.
      if ((entry.mode & 0o7000) !== 0) fchmod(this.#file, entry.mode);
      if (entry.xattrs) setAttributes(this.#file, entry.xattrs, true);
      futimens(this.#file, entry.mtime, entry.mtime);
    } catch (error) {
      throw explain(error, entry);
    } finally {
      this.#closeFile();
    }
  }

  #closeFile(): void {
    if (this.#file >= 0) close(this.#file);
    this.#file = -1;
    this.#entry = null;
  }

  #place(entry: TarEntry): void {
    this.#file = -1;
    const parts = cleanPath(entry.path);
    const name = parts.at(-1);
    if (!name) {
      if (entry.type === "directory") this.#existingDirectory(this.#base, entry);
      else if (entry.type !== "file" || entry.path.length === 0) throw invalidArgument("an entry without a name");
      return;
    }
    if (this.#base.length > 0) parts.unshift(...this.#base);
    this.#options.budget.takeInode();
    if (this.#options.mode === "layer" && startsWith(name, whiteoutPrefix)) {
      this.#whiteout(parts, name);
      return;
    }
    if (entry.type === "directory") this.#directory(parts, name, entry);
    else this.#nonDirectory(parts, name, entry);
  }

  #whiteout(parts: readonly Buffer[], name: Buffer): void {
    if (isOpaqueMark(name)) {
      const dir = this.#tree.parent(parts.slice(0, -1));
      markOpaque(dir);
      return;
    }
    const target = whiteoutTarget(name);
    if (target) writeWhiteout(this.#tree.parent(parts.slice(0, -1)), target);
  }

  #directory(parts: readonly Buffer[], name: Buffer, entry: TarEntry): void {
    let parent = this.#tree.parent(parts.slice(0, -1));
    let opaque = false;
    if (!tryMkdirAt(parent, name, 0o755)) {
      const there = lstatAt(parent, name);
      if ((there.mode & S_IFMT) === S_IFDIR) {
        this.#existingDirectory(parts, entry);
        return;
      }
      if (this.#options.noOverwriteDirNonDir) throw overwrite("non-directory", "directory", parts);
      opaque = this.#options.mode === "layer" && isWhiteout(parent, name);
      parent = this.#replace(parent, name, parts);
      tryMkdirAt(parent, name, 0o755);
    }
    const fd = openAt(parent, name, O_DIRECTORY | O_NOFOLLOW);
    try {
      if (opaque) markOpaque(fd);
      setMetadata(fd, entry, this.#options.owner ?? entry);
    } finally {
      close(fd);
    }
    this.#directories.remember(parts, entry.mtime, entry.xattrs);
  }

  #existingDirectory(parts: readonly Buffer[], entry: TarEntry): void {
    const fd = this.#tree.openEntry(parts, O_DIRECTORY);
    if (fd < 0) throw new SyscallError("open", -fd, shown(joinPath(parts)));
    try {
      setMetadata(fd, entry, this.#options.owner ?? entry);
    } finally {
      close(fd);
    }
    this.#directories.remember(parts, entry.mtime, entry.xattrs);
  }

  /**
   * Removes what stands in the way of a member of the same name, as the later one wins. What was remembered of the tree
   * may lead through it, so it is forgotten, and the parent's descriptor with it: the answer is a new one.
   */
  #replace(parent: number, name: Buffer, parts: readonly Buffer[]): number {
    removeTree(parent, name);
    this.#tree.forget();
    return this.#tree.parent(parts.slice(0, -1));
  }

  #nonDirectory(parts: readonly Buffer[], name: Buffer, entry: TarEntry): void {
    const parent = this.#tree.parent(parts.slice(0, -1));
    if (this.#create(parent, name, entry)) return;
    const there = lstatAt(parent, name);
    if (this.#options.noOverwriteDirNonDir && (there.mode & S_IFMT) === S_IFDIR) {
      throw overwrite("directory", "non-directory", parts);
    }
    if (entry.type === "hardlink") this.#checkLinkTarget(entry, parts);
    const again = this.#replace(parent, name, parts);
    if (!this.#create(again, name, entry)) throw new SyscallError("open", EEXIST);
  }

  /** Makes the member; answers false when its name is taken. */
  #create(parent: number, name: Buffer, entry: TarEntry): boolean {
    if (entry.type === "file") {
      const fd = tryOpenAt(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, entry.mode & 0o777);
      if (fd === -EEXIST) return false;
      if (fd < 0) throw new SyscallError("open", -fd, shown(name));
      this.#file = fd;
      this.#entry = entry;
      this.#position = 0;
      this.#inHole = false;
      return true;
    }
    try {
      this.#createSpecial(parent, name, entry);
    } catch (error) {
      if (isErrno(error, "EEXIST")) return false;
      throw error;
    }
    if (entry.type === "hardlink") return true; // the inode's own member has set its metadata
    const fd = openAt(parent, name, O_PATH | O_NOFOLLOW);
    try {
      setMetadata(fd, entry, this.#options.owner ?? entry);
    } finally {
      close(fd);
    }
    return true;
  }

  #createSpecial(parent: number, name: Buffer, entry: TarEntry): void {
    switch (entry.type) {
      case "symlink":
        symlinkAt(entry.linkPath, parent, name);
        this.size += entry.linkPath.length;
        break;
      case "fifo":
        mknodAt(parent, name, S_IFIFO | (entry.mode & 0o777), 0);
        break;
      case "char":
      case "block": {
        const type = entry.type === "char" ? S_IFCHR : S_IFBLK;
        mknodAt(parent, name, type | (entry.mode & 0o777), makeDevice(entry.devMajor, entry.devMinor));
        break;
      }
      case "hardlink":
        this.#link(parent, name, entry);
        break;
      default:
        throw invalidArgument(`unhandled tar header type ${entry.type}`);
    }
  }

  #link(parent: number, name: Buffer, entry: TarEntry): void {
    const target = [...this.#base, ...cleanPath(entry.linkPath)];
    // The lookup of the target may drop the parent's descriptor from the cache: hold one of our own.
    const own = openAt(parent, ".", O_PATH | O_DIRECTORY);
    const fd = this.#tree.openEntry(target, O_PATH);
    try {
      if (fd < 0) throw new SyscallError("link", -fd, shown(entry.linkPath));
      linkPathFd(fd, own, name);
    } finally {
      if (fd >= 0) close(fd);
      close(own);
    }
  }

  /** Before a name is cleared for a hard link: its target must not be that very name. */
  #checkLinkTarget(entry: TarEntry, parts: readonly Buffer[]): void {
    const target = [...this.#base, ...cleanPath(entry.linkPath)];
    if (joinPath(target).equals(joinPath(parts))) throw invalidArgument("hard link to itself");
  }
}
