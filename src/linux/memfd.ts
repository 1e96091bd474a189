/** memfd_create(2) and the seals of fcntl(2). */
import { writeSync } from "node:fs";
import { close } from "./file.ts";
import { check, cstring, FFIType, lastErrno, openLibc, ptr } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Since Linux 6.3; older kernels refuse it and take any memfd for executable. */
const MFD_EXEC = 16;
const F_ADD_SEALS = 1033;
/** SEAL, SHRINK, GROW, WRITE: from here on the content is what it is. */
const allSeals = 0xf;
const EINVAL = 22;

const libc = openLibc({
  memfd_create: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  fcntl: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
});

/** A file in memory that holds `content`, can be executed, and can never be changed by anyone. */
export function sealedExecutable(name: string, content: Uint8Array): number {
  return sealed(createExecutable(name), content);
}

/** As {@link sealedExecutable}, for bytes that nobody runs. */
export function sealedFile(name: string, content: Uint8Array): number {
  return sealed(check(libc.memfd_create(ptr(cstring(name)), MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create"), content);
}

function sealed(fd: number, content: Uint8Array): number {
  try {
    for (let at = 0; at < content.length; ) at += writeSync(fd, content, at);
    check(libc.fcntl(fd, F_ADD_SEALS, allSeals), "fcntl");
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

function createExecutable(name: string): number {
  const path = ptr(cstring(name));
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const fd = libc.memfd_create(path, flags | MFD_EXEC);
  if (fd !== -1) return fd;
  const errno = lastErrno();
  if (errno !== EINVAL) throw new SyscallError("memfd_create", errno);
  return check(libc.memfd_create(path, flags), "memfd_create");
}
