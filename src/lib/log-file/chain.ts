/** The files of one log: `path`, before it `path.1`, `path.2` and so on, rotated ones plain or packed (`path.1.gz`). */
import { closeSync, fstatSync, readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { isErrno } from "../../linux/syscall-error.ts";
import { type FileHead, fileHead } from "./file-head.ts";
import { inodeOf, openIfThere } from "./if-there.ts";
import { packedFrom, unpack } from "./packed.ts";

/** One file, held open, so that no rotation and no removal takes it away. */
export interface OpenFile {
  fd: number;
  readonly inode: number;
  /** The inode of the plain file that a packed one was made from. */
  readonly source: number;
  readonly wasPacked: boolean;
  packed: boolean;
  readonly modified: number;
  offset: number;
  /** Entries written before `offset`. */
  entry: number;
}

function openFile(path: string): OpenFile | null {
  const fd = openIfThere(path);
  if (fd === null) return null;
  const { ino, mtimeMs } = fstatSync(fd);
  const packed = path.endsWith(".gz");
  const source = packed ? packedFrom(fd) : ino;
  return { fd, inode: ino, source, wasPacked: packed, packed, modified: mtimeMs, offset: 0, entry: 0 };
}

/** The `i`th file back; a packed one takes the name before the plain one gives it up. */
function openNth(path: string, i: number): OpenFile | null {
  if (i === 0) return openFile(path);
  return openFile(`${path}.${i}`) ?? openFile(`${path}.${i}.gz`);
}

/** Ascending. A crash in a rotation leaves one out. */
function rotatedNumbers(path: string): number[] {
  const prefix = `${basename(path)}.`;
  const numbers = namesIn(dirname(path)).flatMap((name) => {
    const match = name.startsWith(prefix) ? /^(\d+)(\.gz)?$/.exec(name.slice(prefix.length)) : null;
    return match ? [Number(match[1])] : [];
  });
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** Opens all files, oldest first; starts again when a rotation happens meanwhile. */
export function openChain(path: string): OpenFile[] {
  for (let attempt = 0; ; attempt++) {
    const files: OpenFile[] = [];
    for (const i of [0, ...rotatedNumbers(path)]) {
      const file = openNth(path, i);
      if (file) files.unshift(file);
    }
    const newest = files.at(-1);
    const distinct = new Set(files.map((file) => file.inode)).size === files.length;
    if (attempt >= 20 || (distinct && (newest?.inode ?? null) === inodeOf(path))) return files;
    for (const { fd } of files) closeSync(fd);
  }
}

/** True when `found` is what is held, which a rotation may have packed since. */
function isSame(held: OpenFile, found: OpenFile): boolean {
  if (held.wasPacked === found.wasPacked) return held.inode === found.inode;
  return found.wasPacked && found.source === held.inode;
}

/** Adds the files that rotations put after the newest one held. */
export function openNewer(path: string, files: OpenFile[]): void {
  const newest = files.at(-1);
  if (!newest) {
    files.push(...openChain(path));
    return;
  }
  if (!newest.wasPacked && newest.inode === inodeOf(path)) return;
  const current = openFile(path);
  if (!current) return;
  if (isSame(newest, current)) {
    closeSync(current.fd);
    return;
  }
  const newer = [current];
  for (let i = 1; ; i++) {
    const file = openNth(path, i);
    if (!file) break;
    if (isSame(newest, file)) {
      closeSync(file.fd);
      break;
    }
    if (newer.some((each) => isSame(each, file))) closeSync(file.fd);
    else newer.unshift(file);
  }
  files.push(...newer);
  forgoOldest(files);
}

/**
 * How many files that a rotation has taken away are kept for one reader. Each keeps its bytes on the disk, and a reader
 * that is slower than the writer would hold more and more of them.
 */
const mostBehind = 16;

/** A reader that is too far behind loses the oldest of what it has not begun to read. */
function forgoOldest(files: OpenFile[]): void {
  const gone = files.filter(({ fd, wasPacked }, index) => index > 0 && !wasPacked && fstatSync(fd).nlink === 0);
  const tooMany = new Set(gone.slice(0, Math.max(0, gone.length - mostBehind)));
  if (tooMany.size > 0) dropFiles(files, (file) => !tooMany.has(file));
}

/** Makes a packed file readable at any offset. */
export async function ensureUnpacked(file: OpenFile, path: string, signal: AbortSignal): Promise<void> {
  if (!file.packed) return;
  const fd = await unpack(file.fd, path, signal);
  closeSync(file.fd);
  file.fd = fd;
  file.packed = false;
}

export function headOf(file: OpenFile): FileHead {
  return fileHead(file.fd, file.packed);
}

/** Closes the files that `isWanted` does not want, and takes them out. */
export function dropFiles(files: OpenFile[], isWanted: (file: OpenFile, index: number) => boolean): void {
  const kept = files.filter((file, index) => {
    const wanted = isWanted(file, index);
    if (!wanted) closeSync(file.fd);
    return wanted;
  });
  files.splice(0, files.length, ...kept);
}
