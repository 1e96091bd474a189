/**
 * Sources of mounts, held by mounts of their own from the moment they were looked up: what the runtime binds a moment later
 * is what was looked up, even when somebody exchanges a directory for a link in between.
 */
import { mkdir, readdir, readlink, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt } from "../linux/file.ts";
import { type IdMapping, mountMapped } from "../linux/idmap.ts";
import { MNT_DETACH, MS_BIND, MS_PRIVATE, MS_REC, mount, unmount } from "../linux/mount.ts";
import { openAt2, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../linux/openat2.ts";
import { fstat, S_IFDIR, S_IFMT } from "../linux/stat.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { sourceMissing } from "./bind-source.ts";
import { idmapFailure, type Owner } from "./idmap.ts";

/** What the owner of a source makes of the mount of it: null for its files as they are. */
export type MapFor = (owner: Owner) => Promise<IdMapping | null>;
const asItIs: MapFor = async () => null;

/** Binds the host path `source`, its links followed once, to a new place below `pins`; gives that place. */
export async function pinSource(
  source: string,
  pins: string,
  recursive: boolean,
  mapFor: MapFor = asItIs,
): Promise<string> {
  let fd: number;
  try {
    fd = openAt(AT_FDCWD, source, O_PATH);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    throw sourceMissing(source);
  }
  try {
    // A tree that holds the pins themselves would be copied into itself, doubling with each container; none but root can
    // exchange an ancestor of the engine's own directory.
    const path = await readlink(`/proc/self/fd/${fd}`);
    if (`${pins}/`.startsWith(path === "/" ? "/" : `${path}/`)) {
      if (mapFor === asItIs) return path;
      throw systemError(`cannot idmap "${source}": the engine's own directory is in it`);
    }
    return await pin(fd, pins, recursive, source, mapFor);
  } finally {
    close(fd);
  }
}

/**
 * Binds `subpath` of the volume data at `data` to a new place below `pins` and returns that place. Links inside the volume
 * are followed inside it only; a missing path is an error.
 */
export async function pinSubpath(
  data: string,
  subpath: string,
  pins: string,
  mapFor: MapFor = asItIs,
): Promise<string> {
  const root = openAt(AT_FDCWD, data, O_PATH | O_DIRECTORY);
  try {
    const fd = openAt2(root, subpath, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    try {
      return await pin(fd, pins, true, join(data, subpath), mapFor);
    } finally {
      close(fd);
    }
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    const path = join(data, subpath);
    throw systemError(`cannot access path ${path}: lstat ${path}: no such file or directory`, { cause: error });
  } finally {
    close(root);
  }
}

/** A directory below `pins` to mount on, given back with the other pins. */
export async function newPin(pins: string): Promise<string> {
  const target = await newPlace(pins);
  await mkdir(target);
  return target;
}

async function newPlace(pins: string): Promise<string> {
  await mkdir(pins, { recursive: true, mode: 0o700 });
  return join(pins, String((await readdir(pins)).length));
}

async function pin(fd: number, pins: string, recursive: boolean, source: string, mapFor: MapFor): Promise<string> {
  const stat = fstat(fd);
  const mapping = await mapFor(stat);
  const target = await newPlace(pins);
  if ((stat.mode & S_IFMT) === S_IFDIR) await mkdir(target);
  else await writeFile(target, "");
  if (mapping) {
    try {
      mountMapped(fd, target, recursive, mapping);
    } catch (error) {
      throw idmapFailure(error, source);
    }
  } else mount(`/proc/self/fd/${fd}`, target, null, MS_BIND | (recursive ? MS_REC : 0), null);
  failPoint("volumes.mount.pinned");
  return target;
}

/** Takes all pins of one container back; none is fine. */
export async function unpin(pins: string): Promise<void> {
  const names = await readdir(pins).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  });
  if (names === null) return;
  for (const name of names) {
    const place = join(pins, name);
    release(place);
    await rm(place, { recursive: false, force: true }).catch(() => rmdir(place));
  }
  await rmdir(pins);
}

/**
 * The pinned tree may be a peer of the host's own mounts, and an unmount of its submounts would reach those
 * (mount_namespaces(7)): it is made private first.
 */
function release(place: string): void {
  try {
    mount("none", place, null, MS_PRIVATE | MS_REC, null);
  } catch (error) {
    // EINVAL: a crash came between making the place and mounting there.
    if (!isErrno(error, "EINVAL", "ENOENT")) throw error;
  }
  unmount(place, MNT_DETACH);
}
