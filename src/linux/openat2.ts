/** openat2(2): opening a path that must not leave a directory, whatever links it holds and whoever changes it meanwhile. */

import { O_CLOEXEC } from "./file.ts";
import { type Name, show } from "./file-name.ts";
import { FFIType, lastErrno, openLibc, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

/** Absolute links and `..` are taken relative to the directory; magic links of /proc fail. */
export const RESOLVE_IN_ROOT = 0x10;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_NO_MAGICLINKS = 0x02;
/** Fails with EXDEV at a mount point, a bind mount of the same file system included. */
export const RESOLVE_NO_XDEV = 0x01;

const SYS_openat2 = 437;
const { i64_fast, i32, u64, ptr: pointer } = FFIType;
const libc = openLibc({ syscall: { args: [i64_fast, i32, pointer, pointer, u64], returns: i64_fast } });

const how = new BigUint64Array(new ArrayBuffer(24));
const howPointer = ptr(how);
const pathBuffer = Buffer.alloc(4104);
const pathPointer = ptr(pathBuffer);

/**
 * Opens `path` under the directory `dir`, resolved as `resolve` says; answers -errno on failure. EAGAIN, which the
 * kernel gives when a rename races with `..`, is tried again a bounded number of times.
 */
export function tryOpenAt2(dir: number, path: Name, flags: number, resolve: number, mode = 0): number {
  const length = typeof path === "string" ? pathBuffer.write(path, 0, 4096, "utf8") : path.length;
  if (length >= 4092) return -36; // ENAMETOOLONG
  if (typeof path !== "string") pathBuffer.set(path);
  pathBuffer[length] = 0;
  if (pathBuffer.indexOf(0) !== length) throw new TypeError("file name holds a NUL byte");
  how[0] = BigInt(flags | O_CLOEXEC);
  how[1] = BigInt(mode);
  how[2] = BigInt(resolve);
  for (let attempt = 0; ; attempt++) {
    const fd = Number(libc.syscall(SYS_openat2, dir, pathPointer, howPointer, 24));
    if (fd !== -1) return fd;
    const errno = lastErrno();
    if (errno !== 11 || attempt === 64) return -errno;
  }
}

/** As {@link tryOpenAt2}; throws {@link SyscallError}. */
export function openAt2(dir: number, path: Name, flags: number, resolve: number, mode = 0): number {
  const fd = tryOpenAt2(dir, path, flags, resolve, mode);
  if (fd < 0) throw new SyscallError("openat2", -fd, show(path));
  return fd;
}
