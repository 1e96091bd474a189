import { mkdirSync, rmSync } from "node:fs";
import { MNT_DETACH, MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, unmount } from "../linux/mount.ts";
import { isErrno } from "../linux/syscall-error.ts";

/** A tmpfs for `/dev/shm` that several containers share (`--ipc shareable`). */
export interface SharedMemory {
  /** `size` in bytes. */
  mount(path: string, size: number): void;
  /** What is not mounted is fine; the empty directory goes too. */
  unmount(path: string): void;
}

export function createSharedMemory(): SharedMemory {
  return {
    mount(path, size) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      mount("shm", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, `mode=1777,size=${size}`);
    },
    unmount(path) {
      try {
        unmount(path, MNT_DETACH);
      } catch (error) {
        if (!isErrno(error, "EINVAL", "ENOENT")) throw error;
      }
      rmSync(path, { recursive: true, force: true });
    },
  };
}
