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
  for (const { offset, length } of dataRanges(from, size)) {
    seek(from, offset);
    seek(to, offset);
    for (let left = length; left > 0; ) {
      const copied = check(
        Number(libc.copy_file_range(from, null, to, null, Math.min(left, slice), 0)),
        "copy_file_range",
      );
      if (copied === 0) return;
      left -= copied;
    }
  }
}

/** The runs of data in the first `size` bytes of a file, in order; all between them is holes. Moves the file's position. */
export function* dataRanges(fd: number, size: number): Generator<{ readonly offset: number; readonly length: number }> {
  for (let at = 0; at < size; ) {
    const offset = Number(libc.lseek(fd, at, SEEK_DATA));
    if (offset === -1 && lastErrno() === ENXIO) return; // nothing but a hole is left
    check(offset, "lseek");
    if (offset >= size) return;
    const end = Math.min(check(Number(libc.lseek(fd, offset, SEEK_HOLE)), "lseek"), size);
    yield { offset, length: end - offset };
    at = end;
  }
}

/** Sets where the next read or write of `fd` begins. */
export function seek(fd: number, offset: number): void {
  check(Number(libc.lseek(fd, offset, SEEK_SET)), "lseek");
}
