/**
 * A tree copied with everything that makes it what it is: owners, modes, times, all attributes, hard links, holes, devices,
 * FIFOs and sockets. Data is shared where the file system can. Runs in a helper; nothing is ever reached by following a link.
 */
import { answer } from "../helper/helper-process.ts";
import { makeDevice } from "../linux/device.ts";
import { readDirectory } from "../linux/directory.ts";
import {
  AT_FDCWD,
  chmodPathFd,
  chownPathFd,
  close,
  linkPathFd,
  mkdirAt,
  mknodAt,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  openAt,
  readlinkAt,
  symlinkAt,
  syncfs,
  tryOpenAt,
  umask,
  utimesPathFd,
} from "../linux/file.ts";
import { openAt2, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../linux/openat2.ts";
import { copyExtents, reflink } from "../linux/reflink.ts";
import { raiseFileLimit } from "../linux/rlimit.ts";
import { type FileStat, fstat, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, tryLstatAt } from "../linux/stat.ts";
import { isErrno, SyscallError } from "../linux/syscall-error.ts";
import { getxattr, listxattr, setxattr } from "../linux/xattr.ts";

export interface CloneTreeRequest {
  readonly from: string;
  /** An empty directory. */
  readonly to: string;
}

export interface CloneTreeReport {
  /** Files that share their data with the original, and files that were copied. */
  readonly shared: number;
  readonly copied: number;
}

export async function cloneTreeMain(args: string[]): Promise<void> {
  await answer<CloneTreeRequest, CloneTreeReport>(args, async ({ from, to }) => {
    umask(0);
    raiseFileLimit();
    return cloneTree(from, to);
  });
}

/** Copies what is in `from`, and its own owner, mode, times and attributes; on disk when it returns. */
export function cloneTree(from: string, to: string): CloneTreeReport {
  const source = openAt(AT_FDCWD, from, O_RDONLY | O_DIRECTORY);
  const target = openAt(AT_FDCWD, to, O_RDONLY | O_DIRECTORY);
  try {
    const cloner = new TreeCloner(target);
    cloner.children(source, target, Buffer.alloc(0));
    giveMetadata(source, target, fstat(source));
    syncfs(target);
    return cloner.report;
  } finally {
    close(source);
    close(target);
  }
}

class TreeCloner {
  readonly #root: number;
  /** Identity of a file of several names -> the path it was first copied to. */
  readonly #links = new Map<string, Buffer>();
  readonly report = { shared: 0, copied: 0 };

  constructor(root: number) {
    this.#root = root;
  }

  children(from: number, to: number, prefix: Buffer): void {
    for (const { name } of readDirectory(from)) this.#member(from, to, name, Buffer.concat([prefix, name]));
  }

  /** What has vanished since its name was read is left out. */
  #member(from: number, to: number, name: Buffer, path: Buffer): void {
    const stat = tryLstatAt(from, name);
    if (!stat) return;
    const type = stat.mode & S_IFMT;
    if (type === S_IFDIR) this.#directory(from, to, name, path);
    else if (this.#linked(stat, to, name)) return;
    else if (type === S_IFREG) this.#file(from, to, name, path);
    else this.#special(from, to, name, path);
  }

  #directory(from: number, to: number, name: Buffer, path: Buffer): void {
    const source = tryOpenAt(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (source < 0) {
      checkVanished(source, path);
      return;
    }
    try {
      mkdirAt(to, name, 0o700);
      const target = openAt(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        this.children(source, target, Buffer.concat([path, Buffer.from("/")]));
        giveMetadata(source, target, fstat(source));
      } finally {
        close(target);
      }
    } finally {
      close(source);
    }
  }

  #file(from: number, to: number, name: Buffer, path: Buffer): void {
    const source = tryOpenAt(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (source < 0) {
      checkVanished(source, path);
      return;
    }
    try {
      const stat = fstat(source);
      if ((stat.mode & S_IFMT) !== S_IFREG) return;
      const target = openAt(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        if (reflink(source, target)) this.report.shared++;
        else {
          copyExtents(source, target, stat.size);
          this.report.copied++;
        }
        giveMetadata(source, target, stat);
      } finally {
        close(target);
      }
      this.#remember(stat, path);
    } finally {
      close(source);
    }
  }

  #special(from: number, to: number, name: Buffer, path: Buffer): void {
    const source = tryOpenAt(from, name, O_PATH | O_NOFOLLOW);
    if (source < 0) {
      checkVanished(source, path);
      return;
    }
    try {
      const stat = fstat(source);
      const type = stat.mode & S_IFMT;
      if (type === S_IFDIR || type === S_IFREG) return; // exchanged for another kind meanwhile
      if (type === S_IFLNK) symlinkAt(readlinkAt(source, ""), to, name);
      else mknodAt(to, name, stat.mode, makeDevice(stat.rdevMajor, stat.rdevMinor));
      const target = openAt(to, name, O_PATH | O_NOFOLLOW);
      try {
        giveMetadata(source, target, stat);
      } finally {
        close(target);
      }
      this.#remember(stat, path);
    } finally {
      close(source);
    }
  }

  #remember(stat: FileStat, path: Buffer): void {
    if (stat.nlink > 1) this.#links.set(`${stat.dev}:${stat.ino}`, path);
  }

  #linked(stat: FileStat, to: number, name: Buffer): boolean {
    const first = stat.nlink > 1 ? this.#links.get(`${stat.dev}:${stat.ino}`) : undefined;
    if (first === undefined) return false;
    const fd = openAt2(this.#root, first, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    try {
      linkPathFd(fd, to, name);
    } finally {
      close(fd);
    }
    return true;
  }
}

/** -ENOENT, -ELOOP, -ENOTDIR, -ENXIO: deleted or exchanged since its directory was read. */
function checkVanished(result: number, path: Buffer): void {
  if (![-2, -40, -20, -6].includes(result)) throw new SyscallError("open", -result, path.toString());
}

/** chown comes first: it clears bits and capabilities; times last. */
function giveMetadata(from: number, to: number, stat: FileStat): void {
  chownPathFd(to, stat.uid, stat.gid);
  if ((stat.mode & S_IFMT) !== S_IFLNK) chmodPathFd(to, stat.mode & 0o7777);
  for (const name of listxattr(from)) {
    const value = getxattr(from, name);
    try {
      if (value) setxattr(to, name, value);
    } catch (error) {
      // Another file system keeps other attributes.
      if (!isErrno(error, "EOPNOTSUPP", "ENOTSUP")) throw error;
    }
  }
  utimesPathFd(to, stat.mtime, stat.mtime);
}
