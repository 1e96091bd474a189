/** Extended attributes of files by path, links themselves included: for trees that are only read (a build's context). */
import { cstring, FFIType, lastErrno, openLibc, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

const { i64_fast, u64, ptr: pointer } = FFIType;
const libc = openLibc({
  llistxattr: { args: [pointer, pointer, u64], returns: i64_fast },
  lgetxattr: { args: [pointer, pointer, pointer, u64], returns: i64_fast },
});

const names = Buffer.alloc(64 * 1024);
const value = Buffer.alloc(64 * 1024);
const namesPointer = ptr(names);
const valuePointer = ptr(value);

/** ENOENT: it is gone; ENODATA, EOPNOTSUPP: there is none. */
const meansNone = new Set([2, 61, 95]);

/** Attributes by name; null where there are none. */
export function attributesOf(path: string): Record<string, Uint8Array> | null {
  const file = cstring(path);
  const length = Number(libc.llistxattr(file, namesPointer, names.length));
  if (length === 0) return null;
  if (length === -1) {
    const errno = lastErrno();
    if (meansNone.has(errno)) return null;
    throw new SyscallError("llistxattr", errno, path);
  }
  const found: Record<string, Uint8Array> = {};
  for (const name of names.toString("utf8", 0, length - 1).split("\0")) {
    const size = Number(libc.lgetxattr(file, cstring(name), valuePointer, value.length));
    if (size >= 0) found[name] = Uint8Array.prototype.slice.call(value, 0, size);
  }
  return found;
}
