/** statfs(2). */
import { check, cstring, FFIType, openLibc, ptr } from "./libc.ts";

const libc = openLibc({ statfs: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 } });

/** What a file system has left; `type` is its magic number (`overlayfsMagic`, ...). */
export interface FileSystemStat {
  readonly type: number;
  readonly blockSize: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
  readonly totalInodes: number;
}

export const overlayfsMagic = 0x794c7630;

/** The file system that `path` is on. */
export function statfs(path: string): FileSystemStat {
  const buffer = Buffer.alloc(256);
  check(libc.statfs(cstring(path), ptr(buffer)), "statfs", path);
  const wide = (at: number): number => Number(buffer.readBigUInt64LE(at));
  const blockSize = wide(8);
  return {
    type: wide(0),
    blockSize,
    totalBytes: wide(16) * blockSize,
    freeBytes: wide(32) * blockSize,
    totalInodes: wide(40),
    freeInodes: wide(48),
  };
}
