/**
 * A directory that follows a client's: what differs is written, what is gone removed. Files are never changed in place, so that
 * another tree may share them by hard links. The whole list has been checked before anything of it is done.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fromGoMode, goMode } from "../../api/buildkit/files.ts";
import { makeDevice } from "../../linux/device.ts";
import { AT_FDCWD, close, futimens, mknodAt, O_NOFOLLOW, O_PATH, openAt, utimesPathFd } from "../../linux/file.ts";
import { setxattr } from "../../linux/xattr.ts";
import { isKeptAttribute } from "../../snapshots/kept-attributes.ts";
import { type FileStat, isSameFile, kindOfFile } from "./file-list.ts";

type Files = ReadonlyMap<string, FileStat>;

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;

export class KeptTree {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Removes what `next` has no more, or otherwise. */
  remove(before: Files, next: Files): void {
    let below: string | null = null;
    for (const [path, stat] of before) {
      if (below !== null && path.startsWith(below)) continue;
      below = null;
      const other = next.get(path);
      const isKept = other !== undefined && kindOfFile(other) === kindOfFile(stat) && isInPlace(stat, other);
      if (isKept) continue;
      rmSync(join(this.#root, path), { recursive: true, force: true });
      below = `${path}/`;
    }
  }

  /** Makes all that needs no content; gives the numbers of the files whose content is wanted. */
  prepare(before: Files, next: Files): number[] {
    const wanted: number[] = [];
    let number = 0;
    for (const [path, stat] of next) {
      const old = before.get(path);
      const isThere = old !== undefined && kindOfFile(old) === kindOfFile(stat) && isInPlace(old, stat);
      const kind = kindOfFile(stat);
      if (kind === "directory") this.#directory(path, stat, isThere);
      else if (kind === "file" && !isThere) wanted.push(number);
      else if (!isThere && kind !== "hardLink") this.#special(path, stat);
      number++;
    }
    return wanted;
  }

  #directory(path: string, stat: FileStat, isThere: boolean): void {
    const whole = join(this.#root, path);
    if (!isThere) mkdirSync(whole, { mode: 0o700 });
    lchownSync(whole, stat.uid, stat.gid);
    chmodSync(whole, fromGoMode(stat.mode));
  }

  #special(path: string, stat: FileStat): void {
    const whole = join(this.#root, path);
    const kind = kindOfFile(stat);
    if (kind === "link") symlinkSync(stat.linkname, whole);
    else {
      const isCharacter = (stat.mode & goMode.characterDevice) !== 0;
      const type = kind === "pipe" ? S_IFIFO : isCharacter ? S_IFCHR : S_IFBLK;
      mknodAt(AT_FDCWD, whole, type | fromGoMode(stat.mode), makeDevice(stat.devmajor, stat.devminor));
    }
    lchownSync(whole, stat.uid, stat.gid);
    if (kind !== "link") chmodSync(whole, fromGoMode(stat.mode));
    setTimes(whole, stat);
  }

  /** A file whose content comes; what was in its place is gone. It is whole once `finish` has answered how many bytes it has. */
  create(path: string, stat: FileStat): { write(data: Uint8Array): void; finish(): number; drop(): void } {
    const fd = openSync(join(this.#root, path), newFile, 0o600);
    let size = 0;
    let isOpen = true;
    const closeOnce = (): void => {
      if (isOpen) closeSync(fd);
      isOpen = false;
    };
    return {
      write(data) {
        for (let at = 0; at < data.length; ) at += writeSync(fd, data, at);
        size += data.length;
      },
      finish: () => {
        fchownSync(fd, stat.uid, stat.gid);
        fchmodSync(fd, fromGoMode(stat.mode));
        setAttributes(fd, stat);
        const time = timeOf(stat);
        futimens(fd, time, time);
        closeOnce();
        return size;
      },
      drop: closeOnce,
    };
  }

  /** Hard links, once what they lead to is there. A file that was replaced has its links made anew. */
  link(before: Files, next: Files, replaced: ReadonlySet<string>): void {
    for (const [path, stat] of next) {
      if (kindOfFile(stat) !== "hardLink") continue;
      const old = before.get(path);
      if (old !== undefined && isSameFile(old, stat) && !replaced.has(stat.linkname)) continue;
      rmSync(join(this.#root, path), { force: true });
      linkSync(join(this.#root, stat.linkname), join(this.#root, path));
    }
  }

  /** The times of directories, which all that was done inside has changed. */
  finish(next: Files): void {
    for (const [path, stat] of [...next].reverse()) {
      if (kindOfFile(stat) === "directory") setTimes(join(this.#root, path), stat);
    }
  }
}

/** Nothing has to be made anew. */
function isInPlace(old: FileStat, next: FileStat): boolean {
  return kindOfFile(next) === "directory" || isSameFile(old, next);
}

function timeOf({ modTime }: FileStat): { readonly sec: number; readonly nsec: number } {
  const billion = 1_000_000_000n;
  const nsec = ((modTime % billion) + billion) % billion;
  return { sec: Number((modTime - nsec) / billion), nsec: Number(nsec) };
}

function setTimes(path: string, stat: FileStat): void {
  const time = timeOf(stat);
  const fd = openAt(AT_FDCWD, path, O_PATH | O_NOFOLLOW);
  try {
    utimesPathFd(fd, time, time);
  } finally {
    close(fd);
  }
}

/** Those that go into a layer; what others mean (ACLs, labels) is the client's host's affair. */
function setAttributes(fd: number, { xattrs }: FileStat): void {
  for (const [name, value] of xattrs) if (isKeptAttribute(name, false)) setxattr(fd, name, value);
}
