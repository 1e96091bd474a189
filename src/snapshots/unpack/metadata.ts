/** Owner, mode, times and attributes of unpacked files, set through descriptors and never through names. */
import type { TarEntry, TarTime } from "../../lib/tar/entry.ts";
import { chmodPathFd, chownPathFd, close, O_DIRECTORY, O_PATH, utimesPathFd } from "../../linux/file.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { fsetxattr, setxattr } from "../../linux/xattr.ts";
import { joinPath } from "./path.ts";
import type { TreeRoot } from "./tree-root.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** overlayfs's own attributes would change what the merged tree shows; an archive has no say in that. */
const controlled = /^(trusted|user)\.overlay\./;

/** What the children of a directory inherit: to be set after they are there. */
const defaultAcl = "system.posix_acl_default";

/** Sets an archive's attributes; those that the file system does not keep are left out, as tar does. */
export function setAttributes(fd: number, xattrs: ReadonlyMap<string, Buffer>, open: boolean): void {
  for (const [name, value] of xattrs) {
    if (controlled.test(name) || name === defaultAcl) continue;
    setIfKept(fd, name, value, open ? fsetxattr : setxattr);
  }
}

function setIfKept(fd: number, name: string, value: Buffer, set = setxattr): void {
  try {
    set(fd, name, value);
  } catch (error) {
    if (!isErrno(error, "EOPNOTSUPP", "EPERM", "EINVAL")) throw error;
  }
}

/** Sets everything of `entry` on the file of `fd`, which may be O_PATH. chown comes first: it clears bits and capabilities. */
export function setMetadata(fd: number, entry: TarEntry, owner: Owner): void {
  chownPathFd(fd, owner.uid, owner.gid);
  if (entry.type !== "symlink") chmodPathFd(fd, entry.mode);
  if (entry.xattrs) setAttributes(fd, entry.xattrs, false);
  utimesPathFd(fd, entry.mtime, entry.mtime);
}

/** Directories' times, set at the end because making a child changes them, and the ACLs that children would inherit. */
export class DirectoryTimes {
  readonly #tree: TreeRoot;
  readonly #times = new Map<string, { readonly mtime: TarTime; readonly acl: Buffer | undefined }>();

  constructor(tree: TreeRoot) {
    this.#tree = tree;
  }

  remember(parts: readonly Buffer[], mtime: TarTime, xattrs: TarEntry["xattrs"] = null): void {
    this.#times.set(joinPath(parts).toString("latin1"), { mtime, acl: xattrs?.get(defaultAcl) });
  }

  /** Sets what was remembered on those that are still directories. */
  apply(): void {
    for (const [key, { mtime, acl }] of this.#times) {
      const parts = key === "" ? [] : key.split("/").map((part) => Buffer.from(part, "latin1"));
      const fd = this.#tree.openEntry(parts, O_PATH | O_DIRECTORY);
      if (fd < 0) continue;
      try {
        if (acl) setIfKept(fd, defaultAcl, acl);
        utimesPathFd(fd, mtime, mtime);
      } finally {
        close(fd);
      }
    }
    this.#times.clear();
  }
}
