/** Trees that are mounted in no table of the engine's: a mount table that every container lengthened would make each start longer. */
import { resourceExhausted } from "../lib/errors.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt } from "../linux/file.ts";
import { MNT_DETACH, unmount } from "../linux/mount.ts";
import { cloneMount } from "../linux/mount-namespace.ts";
import type { MountLine } from "../linux/mountinfo.ts";
import { openFilesLimit } from "../linux/rlimit.ts";
import { isMountPoint, letGo } from "./mount-point.ts";

/** Holds a tree until it is closed. */
export interface HeldTree {
  /** Good in every process of the host that may trace this one, until it is closed. */
  readonly path: string;
  /** False for a tree that is seen with whatever is mounted in it. */
  readonly bare: boolean;
  close(): Promise<void>;
}

/** Descriptors below the limit that roots leave to requests. */
const reserve = 64;

/**
 * Takes the tree that is mounted at `target` out of the mount table; `null` where none is, and where descriptors are scarce: then it
 * stays. So does the empty directory: runc goes there at each exec.
 */
export function hideTree(target: string): HeldTree | null {
  if (!isMountPoint(target)) return null;
  const fd = openAt(AT_FDCWD, target, O_PATH | O_DIRECTORY);
  try {
    if (isScarce(fd)) {
      close(fd);
      return null;
    }
    unmount(target, MNT_DETACH);
  } catch (error) {
    close(fd);
    throw error;
  }
  return heldTree(fd);
}

/** A directory as it is. Throws when descriptors are scarce. */
export function holdDirectory(path: string): HeldTree {
  return held(openAt(AT_FDCWD, path, O_PATH | O_DIRECTORY));
}

/**
 * The tree that an earlier engine hid, from among the mounts of a process that was started on it; `null` where `choose` finds it
 * nowhere. Throws when the process is gone, or descriptors are scarce.
 */
export function treeOfProcess(
  pid: number,
  startTime: string,
  choose: (mounts: readonly MountLine[]) => string | null,
): HeldTree | null {
  const fd = cloneMount(pid, startTime, choose);
  return fd === null ? null : held(fd);
}

function held(fd: number): HeldTree {
  if (!isScarce(fd)) return heldTree(fd);
  close(fd);
  throw resourceExhausted("too few descriptors are left to hold it");
}

/** True for a descriptor near the limit: the kernel gives the lowest that is free. */
const isScarce = (fd: number): boolean => fd + reserve > openFilesLimit();

function heldTree(fd: number): HeldTree {
  let closed: Promise<void> | null = null;
  return {
    path: `/proc/${process.pid}/fd/${fd}`,
    bare: true,
    close: () => {
      closed ??= letGo(fd);
      return closed;
    },
  };
}
