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
  using source = held(openAt(AT_FDCWD, from, O_RDONLY | O_DIRECTORY));
  using target = held(openAt(AT_FDCWD, to, O_RDONLY | O_DIRECTORY));
  const cloner = new TreeCloner(target.fd);
  cloner.children(source.fd, target.fd, Buffer.alloc(0));
  giveMetadata(source.fd, target.fd, fstat(source.fd));
  syncfs(target.fd);
  return cloner.report;
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
    reading(from, name, O_DIRECTORY, path, (source, stat) => {
      mkdirAt(to, name, 0o700);
      using target = held(openAt(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      this.children(source, target.fd, Buffer.concat([path, Buffer.from("/")]));
      giveMetadata(source, target.fd, stat);
    });
  }

  #file(from: number, to: number, name: Buffer, path: Buffer): void {
    reading(from, name, O_NONBLOCK, path, (source, stat) => {
      if ((stat.mode & S_IFMT) !== S_IFREG) return;
      using target = held(openAt(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
      if (reflink(source, target.fd)) this.report.shared++;
      else {
        copyExtents(source, target.fd, stat.size);
        this.report.copied++;
      }
      giveMetadata(source, target.fd, stat);
      this.#remember(stat, path);
    });
  }

  #special(from: number, to: number, name: Buffer, path: Buffer): void {
    reading(from, name, O_PATH, path, (source, stat) => {
      const type = stat.mode & S_IFMT;
      if (type === S_IFDIR || type === S_IFREG) return; // exchanged for another kind meanwhile
      if (type === S_IFLNK) symlinkAt(readlinkAt(source, ""), to, name);
      else mknodAt(to, name, stat.mode, makeDevice(stat.rdevMajor, stat.rdevMinor));
      using target = held(openAt(to, name, O_PATH | O_NOFOLLOW));
      giveMetadata(source, target.fd, stat);
      this.#remember(stat, path);
    });
  }

  #remember(stat: FileStat, path: Buffer): void {
    if (stat.nlink > 1) this.#links.set(`${stat.dev}:${stat.ino}`, path);
  }

  #linked(stat: FileStat, to: number, name: Buffer): boolean {
    const first = stat.nlink > 1 ? this.#links.get(`${stat.dev}:${stat.ino}`) : undefined;
    if (first === undefined) return false;
    using copy = held(openAt2(this.#root, first, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
    linkPathFd(copy.fd, to, name);
    return true;
  }
}

/** A descriptor that is closed at the end of its block. */
const held = (fd: number): Disposable & { readonly fd: number } => ({ fd, [Symbol.dispose]: () => close(fd) });

/** Opens the original `name` of the directory `from`, no link, for `act`; one that is not there any more is left out. */
function reading(
  from: number,
  name: Buffer,
  flags: number,
  path: Buffer,
  act: (source: number, stat: FileStat) => void,
): void {
  const fd = tryOpenAt(from, name, O_RDONLY | O_NOFOLLOW | flags);
  // ENOENT, ELOOP, ENOTDIR, ENXIO: deleted or exchanged since its directory was read.
  if ([-2, -40, -20, -6].includes(fd)) return;
  if (fd < 0) throw new SyscallError("open", -fd, path.toString());
  using source = held(fd);
  act(source.fd, fstat(source.fd));
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
