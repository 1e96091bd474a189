/** The helper side of `docker cp` and of a volume's copy-up: one process for one request. */

import { answer, stream } from "../helper/helper-process.ts";
import { decompress } from "../lib/compression.ts";
import { invalidArgument, notFound } from "../lib/errors.ts";
import { TarReader } from "../lib/tar/reader.ts";
import {
  AT_FDCWD,
  chmodPathFd,
  chownPathFd,
  close,
  O_DIRECTORY,
  O_PATH,
  openAt,
  umask,
  utimesPathFd,
} from "../linux/file.ts";
import { RESOLVE_IN_ROOT, tryOpenAt2 } from "../linux/openat2.ts";
import { raiseFileLimit } from "../linux/rlimit.ts";
import {
  type FileStat,
  fstat,
  lstatAt,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFSOCK,
} from "../linux/stat.ts";
import { isErrno, SyscallError } from "../linux/syscall-error.ts";
import type { PathStat, WriteArchiveOptions } from "./archive.ts";
import { followLink, locate } from "./archive-paths.ts";
import { TreePacker } from "./pack-tree.ts";
import { TarOutput } from "./tar-output.ts";
import { Budget } from "./unpack/budget.ts";
import { Extractor } from "./unpack/extractor.ts";
import { cleanPath } from "./unpack/path.ts";

export interface PathRequest {
  readonly root: string;
  readonly path: string;
  /** What the first entry of an archive is called instead. */
  readonly name?: string;
}
export interface ReadArchiveRequest extends PathRequest {
  /** Keep all that a tar can bear: see {@link PackOptions}. */
  readonly exact?: boolean;
}
export interface WriteArchiveRequest extends PathRequest {
  readonly options: WriteArchiveOptions;
}
export interface CopyUpRequest extends PathRequest {
  readonly target: string;
}

/** A path the caller asked for and the tree does not have. */
function found<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isErrno(error, "ENOTDIR")) throw invalidArgument(`lstat ${path}: not a directory`);
    if (isErrno(error, "ENOENT", "ENAMETOOLONG")) throw notFound(`no such file or directory: ${path}`);
    if (isErrno(error, "ELOOP")) throw invalidArgument(`too many links in path: ${path}`);
    throw error;
  }
}

export async function statPathMain(args: string[]): Promise<void> {
  await answer<PathRequest, PathStat>(args, async ({ root, path }) => {
    const fd = openAt(AT_FDCWD, root, O_DIRECTORY);
    return found(path, () => statPath(fd, path));
  });
}

function statPath(root: number, path: string): PathStat {
  using at = locate(root, path);
  const stat = lstatAt(at.dir, at.name);
  const isLink = (stat.mode & S_IFMT) === S_IFLNK;
  return {
    name: at.shownName,
    size: stat.size,
    mode: goMode(stat.mode),
    mtime: rfc3339(stat),
    linkTarget: isLink ? followLink(root, path) : "",
  };
}

export async function readArchiveMain(args: string[]): Promise<void> {
  await stream<ReadArchiveRequest>(args, async ({ root, path, name, exact = false }) => {
    raiseFileLimit();
    const fd = openAt(AT_FDCWD, root, O_DIRECTORY);
    const packer = new TreePacker(new TarOutput(1), { whiteouts: false, nanoseconds: exact, exact });
    found(path, () => {
      using at = locate(fd, path);
      lstatAt(at.dir, at.name);
      packer.member(at.dir, at.name, Buffer.from(name ?? at.shownName));
    });
    packer.end();
  });
}

export async function writeArchiveMain(args: string[]): Promise<void> {
  await answer<WriteArchiveRequest, null>(args, async ({ root, path, options }) => {
    umask(0);
    raiseFileLimit();
    const rootFd = openAt(AT_FDCWD, root, O_DIRECTORY);
    const target = found(path, () => {
      const fd = tryOpenAt2(rootFd, `./${path}`, O_PATH, RESOLVE_IN_ROOT);
      if (fd < 0) throw new SyscallError("open", -fd, path);
      return fd;
    });
    if ((fstat(target).mode & S_IFMT) !== S_IFDIR) throw invalidArgument("extraction point is not a directory");
    using extractor = new Extractor(root, {
      mode: "copy",
      budget: Budget.at(root),
      owner: options.owner ?? null,
      noOverwriteDirNonDir: options.noOverwriteDirNonDir ?? false,
      base: cleanPath(Buffer.from(`/${path}`)),
    });
    const reader = new TarReader(extractor);
    for await (const chunk of decompress(Bun.stdin.stream() as AsyncIterable<Uint8Array>)) reader.push(chunk);
    reader.finish();
    extractor.finish();
    return null;
  });
}

/** Copies by packing and unpacking in one process, so that both ends are confined. */
export async function copyUpMain(args: string[]): Promise<void> {
  await answer<CopyUpRequest, { copied: boolean }>(args, async ({ root, path, target }) => {
    umask(0);
    raiseFileLimit();
    const rootFd = openAt(AT_FDCWD, root, O_DIRECTORY);
    const from = tryOpenAt2(rootFd, `./${path}`, O_DIRECTORY, RESOLVE_IN_ROOT);
    if (from < 0) return { copied: false };
    using extractor = new Extractor(target, { mode: "copy", budget: Budget.at(target) });
    const reader = new TarReader(extractor);
    const output = { write: (bytes: Uint8Array) => reader.push(bytes), flush: () => {} };
    const packer = new TreePacker(output, { whiteouts: false, nanoseconds: true });
    packer.children(from, Buffer.alloc(0));
    packer.end();
    reader.finish();
    extractor.finish();
    likeness(target, fstat(from));
    return { copied: true };
  });
}

function likeness(target: string, stat: FileStat): void {
  const fd = openAt(AT_FDCWD, target, O_PATH | O_DIRECTORY);
  chownPathFd(fd, stat.uid, stat.gid);
  chmodPathFd(fd, stat.mode & 0o7777);
  utimesPathFd(fd, stat.mtime, stat.mtime);
  close(fd);
}

const goTypes: ReadonlyMap<number, number> = new Map([
  [S_IFDIR, 2 ** 31],
  [S_IFLNK, 2 ** 27],
  [S_IFBLK, 2 ** 26],
  [S_IFCHR, 2 ** 26 + 2 ** 21],
  [S_IFIFO, 2 ** 25],
  [S_IFSOCK, 2 ** 24],
]);

/** The mode as Go's os.FileMode has it. */
function goMode(mode: number): number {
  let result = (mode & 0o777) + (goTypes.get(mode & S_IFMT) ?? 0);
  if (mode & 0o4000) result += 2 ** 23;
  if (mode & 0o2000) result += 2 ** 22;
  if (mode & 0o1000) result += 2 ** 20;
  return result;
}

/** The modification time as Go's RFC3339Nano writes it. */
function rfc3339({ mtime }: FileStat): string {
  const seconds = new Date(mtime.sec * 1000).toISOString().slice(0, 19);
  const fraction = String(mtime.nsec).padStart(9, "0").replace(/0+$/, "");
  return `${seconds}${fraction === "" ? "" : `.${fraction}`}Z`;
}
