/** getdents64(2): a directory's entries with their names as bytes. */
import { check, FFIType, lastErrno, openLibc, ptr } from "./libc.ts";

const { i32, u64, i64_fast, ptr: pointer } = FFIType;
const libc = openLibc({
  lseek: { args: [i32, i64_fast, i32], returns: i64_fast },
  getdents64: { args: [i32, pointer, u64], returns: i64_fast },
});

/** A directory entry: its name's bytes and `d_type` (0 when the file system does not say). */
export interface DirEntry {
  readonly name: Buffer;
  readonly type: number;
}

export const DT_DIR = 4;

/**
 * All entries of an open directory but `.` and `..`, in the file system's order. The descriptor must be readable. A
 * directory that was removed since it was opened has none.
 */
export function readDirectory(fd: number): DirEntry[] {
  const buffer = Buffer.allocUnsafeSlow(64 * 1024);
  const entries: DirEntry[] = [];
  libc.lseek(fd, 0, 0); // from the start, also when it was read before
  for (;;) {
    const length = Number(libc.getdents64(fd, ptr(buffer), buffer.length));
    if (length === 0 || (length === -1 && lastErrno() === 2)) return entries; // ENOENT
    check(length, "getdents64");
    for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
      const start = at + 19;
      const name = buffer.subarray(start, buffer.indexOf(0, start));
      if (name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e))) continue;
      entries.push({ name: Buffer.from(name), type: buffer[at + 18] ?? 0 });
    }
  }
}
