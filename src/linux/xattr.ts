/**
 * Extended attributes. Linux has no `*at` calls for them before 6.13, so a file is named by `/proc/self/fd/N` of an
 * O_PATH descriptor, whose last component is then never followed further.
 */
import { cstring, FFIType, lastErrno, openLibc, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

const { i32, i64_fast, u64, ptr: pointer } = FFIType;
const libc = openLibc({
  setxattr: { args: [pointer, pointer, pointer, u64, i32], returns: i32 },
  lsetxattr: { args: [pointer, pointer, pointer, u64, i32], returns: i32 },
  fsetxattr: { args: [i32, pointer, pointer, u64, i32], returns: i32 },
  lgetxattr: { args: [pointer, pointer, pointer, u64], returns: i64_fast },
  llistxattr: { args: [pointer, pointer, u64], returns: i64_fast },
  fgetxattr: { args: [i32, pointer, pointer, u64], returns: i64_fast },
  flistxattr: { args: [i32, pointer, u64], returns: i64_fast },
});

/** Sets an attribute of an open file (not O_PATH). */
export function fsetxattr(fd: number, name: string, value: Uint8Array): void {
  const result = libc.fsetxattr(fd, cstring(name), value.length === 0 ? null : ptr(value), value.length, 0);
  if (result === -1) throw new SyscallError("setxattr", lastErrno(), name);
}

/** Sets an attribute of `path` itself, a link included; the caller answers for the directories of `path`. */
export function lsetxattr(path: string | Uint8Array, name: string, value: Uint8Array): void {
  const data = value.length === 0 ? null : ptr(value);
  if (libc.lsetxattr(cstring(path), cstring(name), data, value.length, 0) === -1) {
    throw new SyscallError("setxattr", lastErrno(), name);
  }
}

/** An attribute's value, or `null` where there is none or the file system has no attributes. */
export function fgetxattr(fd: number, name: string): Buffer | null {
  const size = Number(libc.fgetxattr(fd, cstring(name), null, 0));
  return value(size, name, (buffer) => Number(libc.fgetxattr(fd, cstring(name), ptr(buffer), buffer.length)));
}

/** As {@link fgetxattr}, by path and without following a link. */
export function lgetxattr(path: string | Uint8Array, name: string): Buffer | null {
  const size = Number(libc.lgetxattr(cstring(path), cstring(name), null, 0));
  return value(size, name, (buffer) =>
    Number(libc.lgetxattr(cstring(path), cstring(name), ptr(buffer), buffer.length)),
  );
}

function value(size: number, name: string, get: (buffer: Buffer) => number): Buffer | null {
  if (size === -1) return absent("getxattr", name);
  if (size === 0) return Buffer.alloc(0);
  const buffer = Buffer.alloc(size);
  const length = get(buffer);
  return length === -1 ? absent("getxattr", name) : buffer.subarray(0, length);
}

/** ENODATA, EOPNOTSUPP: there is none; ERANGE: it grew meanwhile, as good as none. */
function absent(call: string, name: string): null {
  const errno = lastErrno();
  if (errno === 61 || errno === 95 || errno === 34) return null;
  throw new SyscallError(call, errno, name);
}

const listBuffer = Buffer.alloc(64 * 1024);
const listPointer = ptr(listBuffer);

function names(length: number): string[] {
  if (length === -1) {
    absent("listxattr", "");
    return [];
  }
  if (length === 0) return [];
  return listBuffer.toString("utf8", 0, length - 1).split("\0");
}

/** Names of an open file's attributes. */
export function flistxattr(fd: number): string[] {
  return names(Number(libc.flistxattr(fd, listPointer, listBuffer.length)));
}

/** Names of the attributes of `path` itself. */
export function llistxattr(path: string | Uint8Array): string[] {
  return names(Number(libc.llistxattr(cstring(path), listPointer, listBuffer.length)));
}
