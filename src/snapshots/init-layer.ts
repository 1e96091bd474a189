/**
 * The init layer: what every container finds whatever its image says, made once for each chain and put between image
 * and writable layer. Because it lies above the image, its plain files and directories replace links that an image
 * plants at these names, and none of it counts as the container's change.
 */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import {
  AT_FDCWD,
  close,
  fchmod,
  mkdirAt,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_WRONLY,
  openAt,
  symlinkAt,
} from "../linux/file.ts";
import { fstat, S_IFDIR, S_IFMT } from "../linux/stat.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { lookup } from "./layer-lookup.ts";
import type { LayerStore } from "./layer-store.ts";
import { giveLikeness } from "./ownership.ts";

/** Parents first. */
const directories = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"];
const files = [".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf"];
const links: readonly (readonly [string, string])[] = [["etc/mtab", "/proc/mounts"]];

/** The directory of the init layer over `chainId`; made when it does not exist. */
export function initLayer(store: LayerStore, chainId: string | null): string {
  const target = store.initDir(chainId);
  if (existsSync(target)) return target;
  const dir = store.temporary("init");
  const below = store.diffs(chainId).map((diff) => openAt(AT_FDCWD, diff, O_DIRECTORY));
  try {
    const layer = join(dir, "diff");
    mkdirSync(layer, { mode: 0o755 });
    fill(layer, below);
    renameSync(layer, target);
  } catch (error) {
    // Another process was first: its layer is as good as ours.
    if (!isErrno(error, "ENOTEMPTY", "EEXIST")) throw error;
  } finally {
    for (const fd of below) close(fd);
    store.trash.take(dir);
  }
  return target;
}

function fill(layer: string, below: readonly number[]): void {
  const root = openAt(AT_FDCWD, layer, O_DIRECTORY);
  try {
    for (const dir of directories) mkdirAt(root, dir, 0o755);
    for (const file of files) {
      const fd = openAt(root, file, O_CREAT | O_EXCL | O_WRONLY, 0o755);
      fchmod(fd, 0o755);
      close(fd);
    }
    for (const [name, target] of links) symlinkAt(target, root, name);
    // Last and deepest first, because making children changes a directory's time.
    for (const dir of directories.toReversed()) like(root, dir, below);
    like(root, ".", below);
  } finally {
    close(root);
  }
}

function like(root: number, dir: string, below: readonly number[]): void {
  const parts = dir === "." ? [] : dir.split("/").map((part) => Buffer.from(part));
  const found = lookup(below, parts);
  if (found === null) return;
  const stat = fstat(found);
  close(found);
  if ((stat.mode & S_IFMT) === S_IFDIR) giveLikeness(root, dir, stat);
}
