/** Trees that are mounted in no table of the engine's: a mount table that every container lengthened would make each start longer. */
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt } from "../linux/file.ts";
import { MNT_DETACH, unmount } from "../linux/mount.ts";
import { cloneRootMount } from "../linux/mount-namespace.ts";
import { isMountPoint, letGo } from "./mount-point.ts";

/** Holds a tree until it is closed. */
export interface HeldTree {
  /** Good in every process of the host that may trace this one, until it is closed. */
  readonly path: string;
  /** False for a tree that is seen with whatever is mounted in it. */
  readonly bare: boolean;
  close(): Promise<void>;
}

/**
 * Takes the tree that is mounted at `target` out of the mount table; `null` where none is. The empty directory stays: runc
 * goes there at each exec.
 */
export function hideTree(target: string): HeldTree | null {
  if (!isMountPoint(target)) return null;
  const fd = openAt(AT_FDCWD, target, O_PATH | O_DIRECTORY);
  try {
    unmount(target, MNT_DETACH);
  } catch (error) {
    close(fd);
    throw error;
  }
  return heldTree(fd);
}

/** The tree that an earlier engine hid, by the process that has it as its root. Throws when that is gone. */
export const treeOfProcess = (pid: number, startTime: string): HeldTree => heldTree(cloneRootMount(pid, startTime));

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
