/** mount(2) and its undoing. */
import { check, cstring, FFIType, lastErrno, openLibc } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

export const MS_RDONLY = 1;
export const MS_REMOUNT = 32;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_BIND = 4096;
export const MS_REC = 16384;
export const MS_PRIVATE = 1 << 18;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

const { i32, u64, ptr: pointer } = FFIType;
const libc = openLibc({
  mount: { args: [pointer, pointer, pointer, u64, pointer], returns: i32 },
  umount2: { args: [pointer, i32], returns: i32 },
});

/** mount(2); `data` is the file system's own option string. */
export function mount(source: string, target: string, type: string | null, flags: number, data: string | null): void {
  const result = libc.mount(
    cstring(source),
    cstring(target),
    type === null ? null : cstring(type),
    flags,
    data === null ? null : cstring(data),
  );
  check(result, "mount", target);
}

/** umount2(2); answers false when `target` is not a mount point or does not exist. */
export function unmount(target: string, flags = 0): boolean {
  if (libc.umount2(cstring(target), flags | UMOUNT_NOFOLLOW) === 0) return true;
  const errno = lastErrno();
  if (errno === 22 || errno === 2) return false; // EINVAL, ENOENT
  throw new SyscallError("umount", errno, target);
}
