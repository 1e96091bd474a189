/** flock(2): a lock that goes with its file descriptor, hence with its process. */
import { AT_FDCWD, close, O_CREAT, O_RDWR, openAt } from "./file.ts";
import { FFIType, lastErrno, openLibc } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const libc = openLibc({ flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 } });

/** A held lock; disposing of it releases it. The file stays. */
export interface FileLock extends Disposable {
  readonly path: string;
}

/** Takes the exclusive lock of the file `path` (made when absent), or answers `null` when somebody else holds it. */
export function tryLock(path: string): FileLock | null {
  const fd = openAt(AT_FDCWD, path, O_CREAT | O_RDWR, 0o600);
  if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return { path, [Symbol.dispose]: () => close(fd) };
  const errno = lastErrno();
  close(fd);
  if (errno === 11) return null; // EWOULDBLOCK
  throw new SyscallError("flock", errno, path);
}

/** Takes the lock of `path`, waiting without blocking the event loop; throws the signal's reason when aborted. */
export async function lock(path: string, signal?: AbortSignal): Promise<FileLock> {
  for (let pause = 2; ; pause = Math.min(pause * 2, 100)) {
    signal?.throwIfAborted();
    const held = tryLock(path);
    if (held) return held;
    await Bun.sleep(pause);
  }
}
