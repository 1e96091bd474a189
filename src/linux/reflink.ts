/** Copying a file's data within the kernel: shared blocks where the file system can (ioctl_ficlone(2)), else extent by extent. */
import { check, FFIType, lastErrno, openLibc } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

const { i32, u32, u64, i64_fast, ptr: pointer } = FFIType;
const libc = openLibc({
  ioctl: { args: [i32, i64_fast, i64_fast], returns: i32 },
  lseek: { args: [i32, i64_fast, i32], returns: i64_fast },
  copy_file_range: { args: [i32, pointer, i32, pointer, u64, u32], returns: i64_fast },
  ftruncate: { args: [i32, i64_fast], returns: i32 },
});

const FICLONE = 0x40049409;
const SEEK_SET = 0;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ENXIO = 6;
/** Most that one call copies: a helper that is to end does so between two. */
const slice = 64 << 20;

/** Makes the empty file `to` share all data of `from`, as of one moment; false where the file system cannot. */
export function reflink(from: number, to: number): boolean {
  if (libc.ioctl(to, FICLONE, from) === 0) return true;
  const errno = lastErrno();
  // EOPNOTSUPP, EXDEV, EINVAL, ENOTTY, EPERM (a swap file), EBADF (not regular), ENOSYS
  if ([95, 18, 22, 25, 1, 9, 38].includes(errno)) return false;
  throw new SyscallError("ioctl FICLONE", errno);
}

/**
 * Copies the first `size` bytes of `from` to the empty file `to`, holes as holes. What a shrinking file lost meanwhile is a
 * hole, too.
 */
export function copyExtents(from: number, to: number, size: number): void {
  check(libc.ftruncate(to, size), "ftruncate");
  for (let at = 0; at < size; ) {
    const start = Number(libc.lseek(from, at, SEEK_DATA));
    if (start === -1 && lastErrno() === ENXIO) return; // nothing but a hole is left
    check(start, "lseek");
    if (start >= size) return;
    const end = Math.min(check(Number(libc.lseek(from, start, SEEK_HOLE)), "lseek"), size);
    check(Number(libc.lseek(from, start, SEEK_SET)), "lseek");
    check(Number(libc.lseek(to, start, SEEK_SET)), "lseek");
    for (let left = end - start; left > 0; ) {
      const copied = check(
        Number(libc.copy_file_range(from, null, to, null, Math.min(left, slice), 0)),
        "copy_file_range",
      );
      if (copied === 0) return;
      left -= copied;
    }
    at = end;
  }
}
