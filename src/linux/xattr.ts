/**
 * Extended attributes. Linux has no `*at` calls for them before 6.13, so a file is named by `/proc/self/fd/N` of an
 * O_PATH descriptor, whose last component is then never followed further.
 */
import { cstring, FFIType, lastErrno, openLibc, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

const { i32, i64_fast, u64, ptr: pointer } = FFIType;
const libc = openLibc({
  setxattr: { args: [pointer, pointer, pointer, u64, i32], returns: i32 },
  fsetxattr: { args: [i32, pointer, pointer, u64, i32], returns: i32 },
  removexattr: { args: [pointer, pointer], returns: i32 },
  getxattr: { args: [pointer, pointer, pointer, u64], returns: i64_fast },
  listxattr: { args: [pointer, pointer, u64], returns: i64_fast },
});

/** Sets an attribute of an open file (not O_PATH). */
export function fsetxattr(fd: number, name: string, value: Uint8Array): void {
  const result = libc.fsetxattr(fd, cstring(name), value.length === 0 ? null : ptr(value), value.length, 0);
  if (result === -1) throw new SyscallError("setxattr", lastErrno(), name);
}

const byDescriptor = (fd: number): Buffer => cstring(`/proc/self/fd/${fd}`);

/** Sets an attribute of the very file `fd` names, also when it is O_PATH, also on a link. */
export function setxattr(fd: number, name: string, value: Uint8Array): void {
  const data = value.length === 0 ? null : ptr(value);
  if (libc.setxattr(byDescriptor(fd), cstring(name), data, value.length, 0) === -1) {
    throw new SyscallError("setxattr", lastErrno(), name);
  }
}

/** Removes an attribute of the very file `fd` names; one that is not there is fine. */
export function removexattr(fd: number, name: string): void {
  if (libc.removexattr(byDescriptor(fd), cstring(name)) === -1) absent("removexattr", name);
}

/** An attribute's value, or `null` where there is none or the file system has no attributes. `fd` may be O_PATH. */
export function getxattr(fd: number, name: string): Buffer | null {
  const path = byDescriptor(fd);
  const size = Number(libc.getxattr(path, cstring(name), null, 0));
  if (size === -1) return absent("getxattr", name);
  if (size === 0) return Buffer.alloc(0);
  const buffer = Buffer.alloc(size);
  const length = Number(libc.getxattr(path, cstring(name), ptr(buffer), buffer.length));
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

/** Names of a file's attributes. `fd` may be O_PATH. */
export function listxattr(fd: number): string[] {
  const length = Number(libc.listxattr(byDescriptor(fd), listPointer, listBuffer.length));
  if (length === -1) {
    absent("listxattr", "");
    return [];
  }
  return length === 0 ? [] : listBuffer.toString("utf8", 0, length - 1).split("\0");
}
