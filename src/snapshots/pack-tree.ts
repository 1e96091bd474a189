/** Packing a tree into a tar on stdout: the helper behind `export`, `commit` and `docker cp` out of a container. */

import { stream } from "../helper/helper-process.ts";
import type { TarEntryType } from "../lib/tar/entry.ts";
import { maxSparseSegments, type SparseSegment, sparseMap } from "../lib/tar/sparse.ts";
import { tarEnd, tarHeader, tarPadding } from "../lib/tar/writer.ts";
import { readDirectory } from "../linux/directory.ts";
import {
  AT_FDCWD,
  close,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  openAt,
  readFd,
  readlinkAt,
  tryOpenAt,
} from "../linux/file.ts";
import { dataRanges, seek } from "../linux/reflink.ts";
import { raiseFileLimit } from "../linux/rlimit.ts";
import {
  type FileStat,
  fstat,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  tryLstatAt,
} from "../linux/stat.ts";
import { SyscallError } from "../linux/syscall-error.ts";
import { getxattr, listxattr } from "../linux/xattr.ts";
import { isKeptAttribute } from "./kept-attributes.ts";
import { type TarDestination, TarOutput } from "./tar-output.ts";
import { marksDeletion } from "./unpack/tree-root.ts";
import { isOpaque } from "./unpack/whiteout.ts";

export interface PackOptions {
  /** Turn overlayfs's marks of deletion into an archive's. */
  readonly whiteouts: boolean;
  /** Leave overlayfs's marks of deletion out. */
  readonly skipWhiteouts?: boolean;
  /** Pack directories without what is in them. */
  readonly shallow?: boolean;
  /** Keep fractions of seconds. */
  readonly nanoseconds?: boolean;
  /** Keep holes, and attributes that mean something on this host only: ACLs, labels, the trusted ones. */
  readonly exact?: boolean;
}

export interface PackTreeRequest extends PackOptions {
  readonly root: string;
}

/** Told of what a packer meets. */
export interface PackObserver {
  /** Bytes of a file's content. */
  bytes(count: number): void;
  /** Something that no archive bears: the file `name` of the open directory `dir`. */
  left(dir: number, name: Buffer): void;
}

const slash = Buffer.from("/");
const types: ReadonlyMap<number, TarEntryType> = new Map([
  [S_IFREG, "file"],
  [S_IFDIR, "directory"],
  [S_IFLNK, "symlink"],
  [S_IFCHR, "char"],
  [S_IFBLK, "block"],
  [S_IFIFO, "fifo"],
]);

export async function packTreeMain(args: string[]): Promise<void> {
  await stream<PackTreeRequest>(args, async (request) => {
    raiseFileLimit();
    const root = openAt(AT_FDCWD, request.root, O_DIRECTORY);
    const packer = new TreePacker(new TarOutput(1), request);
    packer.children(root, Buffer.alloc(0));
    packer.end();
  });
}

/** Writes members for what is in open directories; never follows a link and never opens what is no plain file. */
export class TreePacker {
  readonly #output: TarDestination;
  readonly #options: PackOptions;
  readonly #links = new Map<string, Buffer>();
  readonly #buffer = Buffer.allocUnsafeSlow(256 * 1024);
  readonly #observer: PackObserver | null;

  constructor(output: TarDestination, options: PackOptions, observer: PackObserver | null = null) {
    this.#output = output;
    this.#options = options;
    this.#observer = observer;
  }

  /** Everything below the directory `fd`, named under `prefix` (empty, or ending in a slash). */
  children(fd: number, prefix: Buffer): void {
    const entries = readDirectory(fd).sort((a, b) => Buffer.compare(a.name, b.name));
    for (const { name } of entries) this.member(fd, name, Buffer.concat([prefix, name]));
  }

  /** The file `name` of the directory `dir`, called `path` in the archive, and what is below it. What has vanished is left out. */
  member(dir: number, name: Buffer, path: Buffer): void {
    const stat = tryLstatAt(dir, name);
    const type = stat ? types.get(stat.mode & S_IFMT) : undefined;
    if (stat && type === undefined) this.#observer?.left(dir, name); // a socket means nothing to another host
    if (!stat || type === undefined) return;
    if (marksDeletion(stat)) {
      if (this.#options.whiteouts) this.#whiteout(path, ".wh.");
      if (this.#options.whiteouts || this.#options.skipWhiteouts) return;
    }
    if (type === "directory") this.#directory(dir, name, path, stat);
    else if (type !== "file") this.#special(dir, name, path, stat, type);
    else this.#file(dir, name, path);
  }

  end(): void {
    this.#output.write(tarEnd);
    this.#output.flush();
  }

  #directory(dir: number, name: Buffer, path: Buffer, stat: FileStat): void {
    const fd = tryOpenAt(dir, name, O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) return;
    try {
      this.#header(path, "directory", stat, fd);
      if (this.#options.shallow) return;
      const prefix = path.at(-1) === 0x2f ? path : Buffer.concat([path, slash]);
      if (this.#options.whiteouts && isOpaque(fd))
        this.#whiteout(Buffer.concat([prefix, Buffer.from(".wh..opq")]), ".wh.");
      this.children(fd, prefix);
    } finally {
      close(fd);
    }
  }

  #special(dir: number, name: Buffer, path: Buffer, stat: FileStat, type: TarEntryType): void {
    const fd = tryOpenAt(dir, name, O_PATH | O_NOFOLLOW);
    if (fd < 0) return;
    try {
      if ((fstat(fd).mode & S_IFMT) !== (stat.mode & S_IFMT)) return; // exchanged meanwhile
      const linkPath = type === "symlink" ? readlinkAt(fd, "") : undefined;
      if (!this.#hardLink(path, stat)) this.#header(path, type, stat, fd, linkPath);
    } finally {
      close(fd);
    }
  }

  #file(dir: number, name: Buffer, path: Buffer): void {
    const fd = tryOpenAt(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd === -2 || fd === -40 || fd === -6) return; // swapped meanwhile for nothing, a link, a FIFO
    if (fd < 0) throw new SyscallError("open", -fd, path.toString());
    try {
      const stat = fstat(fd);
      if ((stat.mode & S_IFMT) !== S_IFREG || this.#hardLink(path, stat)) return;
      const segments = this.#options.exact ? sparseSegments(fd, stat.size) : null;
      if (segments) this.#sparse(path, stat, fd, segments);
      else {
        this.#header(path, "file", stat, fd);
        this.#data(fd, stat.size);
        this.#output.write(tarPadding(stat.size));
      }
    } finally {
      close(fd);
    }
  }

  /** Exactly `size` bytes: what is written to a growing file later is left out, what a shrinking one lost is zeros. */
  #data(fd: number, size: number): void {
    let left = size;
    while (left > 0) {
      const length = readFd(fd, this.#buffer, 0, Math.min(this.#buffer.length, left));
      if (length === 0) break;
      this.#output.write(this.#buffer.subarray(0, length));
      left -= length;
    }
    if (left > 0) this.#buffer.fill(0);
    for (; left > 0; left -= Math.min(left, this.#buffer.length)) {
      this.#output.write(this.#buffer.subarray(0, Math.min(left, this.#buffer.length)));
    }
  }

  #sparse(path: Buffer, stat: FileStat, fd: number, segments: readonly SparseSegment[]): void {
    const map = sparseMap(segments);
    const size = segments.reduce((total, { length }) => total + length, map.length);
    const entry = { ...fields(path, stat), type: "file" as const, size, xattrs: this.#attributes(fd) };
    this.#output.write(tarHeader(entry, { ...this.#options, sparseSize: stat.size }));
    this.#output.write(map);
    for (const { offset, length } of segments) {
      seek(fd, offset);
      this.#data(fd, length);
    }
    this.#output.write(tarPadding(size));
  }

  /** Answers true when the file has been packed under another name, to which a link was written. */
  #hardLink(path: Buffer, stat: FileStat): boolean {
    if (stat.nlink < 2) return false;
    const identity = `${stat.dev}:${stat.ino}`;
    const first = this.#links.get(identity);
    if (first === undefined) {
      this.#links.set(identity, path);
      return false;
    }
    this.#output.write(tarHeader({ ...fields(path, stat), type: "hardlink", linkPath: first }, this.#options));
    return true;
  }

  #header(path: Buffer, type: TarEntryType, stat: FileStat, fd: number, linkPath?: Buffer): void {
    const xattrs = this.#attributes(fd);
    if (type === "file") this.#observer?.bytes(stat.size);
    this.#output.write(tarHeader({ ...fields(path, stat), type, size: stat.size, xattrs, linkPath }, this.#options));
  }

  #attributes(fd: number): Map<string, Buffer> | null {
    let found: Map<string, Buffer> | null = null;
    for (const name of listxattr(fd)) {
      if (!isKeptAttribute(name, this.#options.exact === true)) continue;
      const value = getxattr(fd, name);
      if (value === null) continue;
      found ??= new Map();
      found.set(name, value);
    }
    return found;
  }

  #whiteout(path: Buffer, prefix: string): void {
    const at = path.lastIndexOf(0x2f) + 1;
    const name = Buffer.concat([path.subarray(0, at), Buffer.from(prefix), path.subarray(at)]);
    this.#output.write(tarHeader({ path: name, type: "file" }));
  }
}

function fields(path: Buffer, stat: FileStat) {
  return {
    path,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    mtime: stat.mtime,
    devMajor: stat.rdevMajor,
    devMinor: stat.rdevMinor,
  };
}

/** Where the data of a file with holes is, as GNU tar would say it; null for one without, or with more than any reader takes. */
function sparseSegments(fd: number, size: number): SparseSegment[] | null {
  const segments: SparseSegment[] = [];
  let data = 0;
  for (const range of dataRanges(fd, size)) {
    segments.push(range);
    data += range.length;
    if (segments.length >= maxSparseSegments) break;
  }
  if (data === size || segments.length >= maxSparseSegments) {
    seek(fd, 0);
    return null;
  }
  const last = segments.at(-1);
  // A hole at the end is told by a segment of nothing.
  if (!last || last.offset + last.length < size) segments.push({ offset: size, length: 0 });
  return segments;
}
