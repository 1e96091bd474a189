/** What a tree takes on the disk. */
import {
  AT_FDCWD,
  close,
  DT_DIR,
  lstatAt,
  O_DIRECTORY,
  O_NOFOLLOW,
  openAt,
  readDirectory,
  S_IFDIR,
  S_IFMT,
} from "../linux/file.ts";
import { isErrno } from "../linux/syscall-error.ts";

/** Entries looked at before other work gets its turn. */
const batch = 1000;

/** Bytes and number of what is below `root`; a file with several names counts once. What vanishes meanwhile is left out. */
export async function usageOf(root: string): Promise<{ size: number; files: number }> {
  const seen = new Set<string>();
  const pending: Buffer[] = [Buffer.from(root)];
  let size = 0;
  let files = 0;
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    let fd: number;
    try {
      fd = openAt(AT_FDCWD, dir, O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR", "ENAMETOOLONG")) continue;
      throw error;
    }
    try {
      for (const entry of readDirectory(fd)) {
        if (++files % batch === 0) await Bun.sleep(0);
        const stat = lstatAt(fd, entry.name);
        const isDirectory = entry.type === DT_DIR || (stat.mode & S_IFMT) === S_IFDIR;
        if (isDirectory) pending.push(Buffer.concat([dir, Buffer.from("/"), entry.name]));
        if (!isDirectory && stat.nlink > 1) {
          const identity = `${stat.dev}:${stat.ino}`;
          if (seen.has(identity)) continue;
          seen.add(identity);
        }
        size += isDirectory ? 0 : stat.size;
      }
    } finally {
      close(fd);
    }
  }
  return { size, files };
}
