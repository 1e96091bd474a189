/** The directories that trees are mounted at. */
import { close as closeFile, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { AT_FDCWD, O_PATH, openAt } from "../linux/file.ts";
import { MNT_DETACH, MS_BIND, MS_PRIVATE, MS_RDONLY, MS_REMOUNT, mount, unmount } from "../linux/mount.ts";
import { unescapeField } from "../linux/mountinfo.ts";
import { tryLstatAt } from "../linux/stat.ts";
import { isErrno } from "../linux/syscall-error.ts";

/** True when something is mounted at `target` itself. */
export function isMountPoint(target: string): boolean {
  return tryLstatAt(AT_FDCWD, target)?.mountRoot ?? false;
}

const privateParents = new Set<string>();

/**
 * Makes sure that mounts below `dir` do not spread to other mount namespaces, which would pin them there: where the
 * mount that holds `dir` is shared, `dir` is bound onto itself and that mount made private.
 */
function ensurePrivate(dir: string): void {
  if (privateParents.has(dir)) return;
  if (!isMountPoint(dir) && isShared(dir)) {
    mount(dir, dir, null, MS_BIND, null);
    mount("none", dir, null, MS_PRIVATE, null);
  }
  privateParents.add(dir);
}

/** Undoes what kept the mounts below `dir` to themselves; while something is mounted there it stays. */
export function leaveMountParent(dir: string): void {
  if (!isMountPoint(dir)) return;
  try {
    unmount(dir);
    privateParents.delete(dir);
  } catch (error) {
    if (!isErrno(error, "EBUSY")) throw error;
  }
}

/** Whether the mount that `dir` is on has peers, after proc_pid_mountinfo(5). */
function isShared(dir: string): boolean {
  let best = "";
  let shared = false;
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const fields = line.split(" ");
    const point = unescapeField(fields[4] ?? "");
    const holds = point === "/" || dir === point || dir.startsWith(`${point}/`);
    if (!holds || point.length < best.length) continue;
    best = point;
    shared = fields.slice(6, fields.indexOf("-")).some((field) => field.startsWith("shared:"));
  }
  return shared;
}

/** Makes `target` for a mount, in a parent whose mounts stay private. */
export function makeMountPoint(target: string): void {
  const parent = dirname(target);
  try {
    ensureParent(parent);
    mkdirSync(target, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}

function ensureParent(parent: string): void {
  if (privateParents.has(parent)) return;
  mkdirSync(parent, { recursive: true, mode: 0o711 });
  ensurePrivate(parent);
}

/**
 * Closes a descriptor of a mount. Taking an overlay down writes the dirty pages of the whole upper file system back, which may take
 * seconds. That falls to whoever lets go of the mount last: the descriptor is closed on another thread, so that it is not this one.
 */
export function letGo(fd: number): Promise<void> {
  return new Promise((resolve, reject) => closeFile(fd, (error) => (error ? reject(error) : resolve())));
}

/** Unmounts `target` (and what is stacked there) and removes the empty directory; absent or not mounted is fine. */
export async function removeMountPoint(target: string): Promise<void> {
  while (isMountPoint(target)) {
    const fd = openAt(AT_FDCWD, target, O_PATH);
    unmount(target, MNT_DETACH);
    await letGo(fd);
  }
  try {
    rmdirSync(target);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTEMPTY")) throw error;
  }
}

/** Shows the directory `source` at `target`, which exists, as it is and for reading only. */
export function bindReadOnly(source: string, target: string): void {
  mount(source, target, null, MS_BIND, null);
  try {
    mount("none", target, null, MS_BIND | MS_REMOUNT | MS_RDONLY, null);
  } catch (error) {
    unmount(target, MNT_DETACH);
    throw error;
  }
}
