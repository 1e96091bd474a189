/** Owner, mode and time of directories that the engine makes in the likeness of others. */
import { AT_FDCWD, close, fchmod, fchown, futimens, O_DIRECTORY, O_NOFOLLOW, openAt } from "../linux/file.ts";
import type { Name } from "../linux/file-name.ts";
import { type FileStat, lstatAt } from "../linux/stat.ts";

/** Gives the directory `to` the owner, mode and time that `stat` tells. */
export function giveLikeness(dir: number, to: Name, stat: FileStat): void {
  const fd = openAt(dir, to, O_DIRECTORY | O_NOFOLLOW);
  try {
    fchown(fd, stat.uid, stat.gid);
    fchmod(fd, stat.mode & 0o7777);
    futimens(fd, stat.mtime, stat.mtime);
  } finally {
    close(fd);
  }
}

/** Gives the directory `to` the owner, mode and time of `from`, where there is one. */
export function copyRoot(from: string | null, to: string): void {
  if (from !== null) giveLikeness(AT_FDCWD, to, lstatAt(AT_FDCWD, from));
}
