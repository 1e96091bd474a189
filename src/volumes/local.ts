/** The `local` driver: one directory per volume, `<root>/<name>/_data`, and what `--opt` mounts there. */

import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { invalidArgument } from "../lib/errors.ts";
import { readDirectory } from "../linux/directory.ts";
import {
  AT_FDCWD,
  close,
  fsync,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  openAt,
  renameAt,
  tryOpenAt,
} from "../linux/file.ts";
import type { Name } from "../linux/file-name.ts";
import { MNT_DETACH, unmount } from "../linux/mount.ts";
import { S_IFDIR, S_IFMT, S_IFREG, tryLstatAt } from "../linux/stat.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { fsetxattr, getxattr, removexattr } from "../linux/xattr.ts";
import { isMountPoint } from "../snapshots/mount-point.ts";
import { mountLocal } from "./local-mount.ts";
import type { VolumeRecord } from "./record.ts";
import { limitSize, sizeOption } from "./size-limit.ts";
import { isVolumeName } from "./volume-name.ts";

const RENAME_NOREPLACE = 1;
const fillingAttribute = "trusted.dhow.filling";
const optionNames = new Set(["type", "o", "device", "size"]);

/** Throws `invalidArgument` for driver options that the local driver does not know or cannot use. */
export function checkOptions(name: string, options: Readonly<Record<string, string>>): void {
  for (const key of Object.keys(options)) {
    if (!optionNames.has(key)) throw invalidArgument(`create ${name}: invalid option: "${key}"`);
  }
  if (options.size !== undefined) sizeOption(name, options.size);
  if (!Object.keys(options).some((key) => key !== "size")) return;
  for (const key of ["device", "type"]) {
    if (options[key] === undefined) throw invalidArgument(`create ${name}: missing required option: "${key}"`);
  }
}

/** True when something is mounted on the data: it takes no space here then. */
export const isMounted = (options: VolumeRecord["options"]): boolean => options?.type !== undefined;

export class LocalDriver {
  readonly root: string;
  readonly #discard: (path: string) => void;

  constructor(root: string, discard: (path: string) => void) {
    this.root = root;
    this.#discard = discard;
  }

  /** Where containers see the volume's data. */
  path(name: string): string {
    return join(this.root, name, "_data");
  }

  /** Volumes that have a directory, recorded or not; `lost+found` and its like are none. */
  async names(): Promise<string[]> {
    const entries = await readdir(this.root, { withFileTypes: true }).catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    });
    return entries.filter((entry) => entry.isDirectory() && isVolumeName(entry.name)).map((entry) => entry.name);
  }

  /**
   * Makes the directories and limits their size as the options say; true when they were not there. Throws in Docker's words where
   * the file system keeps no limits. What is `filling` is only told apart as yet: a full volume's copy takes a little more while
   * it is made.
   */
  async make(name: string, options: VolumeRecord["options"] = null, filling = false): Promise<boolean> {
    await mkdir(this.root, { recursive: true, mode: 0o701 });
    const isNew = await mkdir(join(this.root, name), { mode: 0o701 }).then(
      () => true,
      (error: unknown) => {
        if (isErrno(error, "EEXIST")) return false;
        throw error;
      },
    );
    try {
      await mkdir(this.path(name), { recursive: true, mode: 0o755 });
      const limit = options?.size === undefined ? 0 : sizeOption(name, options.size);
      if (limit > 0) limitSize(name, this.path(name), filling ? 0 : limit);
    } catch (error) {
      if (isNew) this.remove(name);
      throw error;
    }
    return isNew;
  }

  /** Takes the directory out of sight at once. Absent is fine. */
  remove(name: string): void {
    unmount(this.path(name), MNT_DETACH);
    this.#discard(join(this.root, name));
  }

  /** Gives the volume's directory another name, durably. */
  async move(from: string, to: string): Promise<void> {
    await this.make(from); // one whose directory somebody deleted is an empty volume
    unmount(this.path(from), MNT_DETACH);
    const root = openAt(AT_FDCWD, this.root, O_RDONLY | O_DIRECTORY);
    try {
      renameAt(root, from, root, to, RENAME_NOREPLACE);
      fsync(root);
    } finally {
      close(root);
    }
  }

  /** Undoes {@link move} where it had moved something. */
  async moveBack(from: string, to: string): Promise<void> {
    const names = await this.names();
    if (names.includes(to) && !names.includes(from)) await this.move(to, from);
  }

  /** Mounts what the options name on the data directory, if anything, unless it is mounted already. */
  async mount(name: string, options: VolumeRecord["options"]): Promise<void> {
    if (options && isMounted(options) && !isMountPoint(this.path(name))) await mountLocal(this.path(name), options);
  }

  unmount(name: string): void {
    unmount(this.path(name), MNT_DETACH);
  }

  async isEmpty(name: string): Promise<boolean> {
    try {
      return (await readdir(this.path(name))).length === 0;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return true;
      throw error;
    }
  }

  /** True between the beginning and the end of a copy into the volume, also when a crash lies between them. */
  isHalfFilled(name: string): boolean {
    return this.#withDirectory(name, (fd) => getxattr(fd, fillingAttribute) !== null) ?? false;
  }

  markHalfFilled(name: string, half: boolean): void {
    this.#withDirectory(name, (fd) => {
      if (half) fsetxattr(fd, fillingAttribute, Buffer.from("1"));
      else removexattr(fd, fillingAttribute);
    });
  }

  /** The directory around the data; null when it is gone, or its file system keeps no attributes. */
  #withDirectory<T>(name: string, act: (fd: number) => T): T | null {
    const fd = tryOpenAt(AT_FDCWD, join(this.root, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) return null;
    try {
      return act(fd);
    } catch (error) {
      if (isErrno(error, "ENOTSUP", "EOPNOTSUPP")) return null;
      throw error;
    } finally {
      close(fd);
    }
  }

  /** Bytes of the volume's files, links counted once; nothing outside the volume is followed or opened. */
  async size(name: string): Promise<number> {
    const seen = new Set<string>();
    const measure = async (dir: number): Promise<number> => {
      let total = 0;
      for (const entry of readDirectory(dir)) {
        const stat = tryLstatAt(dir, entry.name);
        const type = (stat?.mode ?? 0) & S_IFMT;
        if (type === S_IFDIR) total += await inside(dir, entry.name);
        if (!stat || type !== S_IFREG) continue;
        const key = `${stat.dev}:${stat.ino}`;
        if (stat.nlink > 1 && seen.has(key)) continue;
        seen.add(key);
        total += stat.size;
      }
      return total;
    };
    const inside = async (parent: number, path: Name): Promise<number> => {
      const fd = tryOpenAt(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (fd < 0) return 0;
      try {
        // Large trees must not hold the event loop: each directory is one turn.
        await new Promise((done) => setImmediate(done));
        return await measure(fd);
      } finally {
        close(fd);
      }
    };
    return inside(AT_FDCWD, this.path(name));
  }
}
