/** Owner, mode and time of directories that the engine makes in the likeness of others. */
import {
  AT_FDCWD,
  close,
  type FileStat,
  fchmod,
  fchown,
  futimens,
  lstatAt,
  type Name,
  O_DIRECTORY,
  O_NOFOLLOW,
  openAt,
} from "../linux/file.ts";

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
