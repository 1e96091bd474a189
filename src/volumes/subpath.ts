/** A directory or file inside a volume, held by a mount of its own so that nobody can exchange it for a link meanwhile. */
import { mkdir, readdir, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemError } from "../lib/errors.ts";
import { AT_FDCWD, close, fstat, O_DIRECTORY, O_PATH, openAt, S_IFDIR, S_IFMT } from "../linux/file.ts";
import { MNT_DETACH, MS_BIND, MS_REC, mount, unmount } from "../linux/mount.ts";
import { openAt2, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../linux/openat2.ts";
import { isErrno } from "../linux/syscall-error.ts";

/**
 * Binds `subpath` of the volume data at `data` to a new place below `pins` and returns that place. Links inside the volume
 * are followed inside it only; a missing path is an error.
 */
export async function pinSubpath(data: string, subpath: string, pins: string): Promise<string> {
  const root = openAt(AT_FDCWD, data, O_PATH | O_DIRECTORY);
  try {
    const fd = openAt2(root, subpath, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    try {
      await mkdir(pins, { recursive: true, mode: 0o700 });
      const target = join(pins, String((await readdir(pins)).length));
      if ((fstat(fd).mode & S_IFMT) === S_IFDIR) await mkdir(target);
      else await writeFile(target, "");
      mount(`/proc/self/fd/${fd}`, target, null, MS_BIND | MS_REC, null);
      return target;
    } finally {
      close(fd);
    }
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    throw systemError(`cannot access path ${join(data, subpath)}: no such file or directory`, { cause: error });
  } finally {
    close(root);
  }
}

/** Takes all pins of one container back; none is fine. */
export async function unpinSubpaths(pins: string): Promise<void> {
  const names = await readdir(pins).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  });
  if (names === null) return;
  for (const name of names) {
    unmount(join(pins, name), MNT_DETACH);
    await rm(join(pins, name), { recursive: false, force: true }).catch(() => rmdir(join(pins, name)));
  }
  await rmdir(pins);
}
