/** What a tree takes on the disk. */
import { DT_DIR, readDirectory } from "../linux/directory.ts";
import { AT_FDCWD, close, O_DIRECTORY, tryOpenAt } from "../linux/file.ts";
import { show } from "../linux/file-name.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, tryOpenAt2 } from "../linux/openat2.ts";
import { S_IFDIR, S_IFMT, tryLstatAt } from "../linux/stat.ts";
import { SyscallError } from "../linux/syscall-error.ts";

/** What opening says of a directory that is gone, has become a link or a file, or lies too deep: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG. */
const vanished = new Set([2, 20, 40, 36]);

/** Entries looked at before other work gets its turn. */
const batch = 1000;

/**
 * Bytes and number of what is below `root`; a file with several names counts once. What vanishes meanwhile is left out,
 * and no link is followed, though a container may swap directories for links all the time.
 */
export async function usageOf(root: string): Promise<{ size: number; files: number }> {
  const top = tryOpenAt(AT_FDCWD, root, O_DIRECTORY);
  if (vanished.has(-top)) return { size: 0, files: 0 };
  if (top < 0) throw new SyscallError("open", -top, root);
  try {
    return await usageBelow(top);
  } finally {
    close(top);
  }
}

async function usageBelow(top: number): Promise<{ size: number; files: number }> {
  const seen = new Set<string>();
  const pending: Buffer[] = [Buffer.from(".")];
  let size = 0;
  let files = 0;
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    const fd = tryOpenAt2(top, dir, O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    if (vanished.has(-fd)) continue;
    if (fd < 0) throw new SyscallError("openat2", -fd, show(dir));
    try {
      for (const entry of readDirectory(fd)) {
        if (++files % batch === 0) await Bun.sleep(0);
        const stat = tryLstatAt(fd, entry.name);
        if (!stat) continue;
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
