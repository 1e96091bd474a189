/**
 * Deletions in layers. An archive says them by names (`.wh.NAME`, `.wh..wh..opq`; OCI image-spec layer.md), overlayfs
 * by a character device 0:0 and an attribute (kernel Documentation/filesystems/overlayfs.rst).
 */
import { invalidArgument } from "../../lib/errors.ts";
import { close, mknodAt, O_DIRECTORY, O_NOFOLLOW, tryOpenAt } from "../../linux/file.ts";
import { S_IFCHR } from "../../linux/stat.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { getxattr, setxattr } from "../../linux/xattr.ts";
import { bytesEqual, shown, startsWith } from "./path.ts";

export const whiteoutPrefix = ".wh.";
const opaqueName = ".wh..wh..opq";
const opaqueAttribute = "trusted.overlay.opaque";

export const isOpaqueMark = (name: Buffer): boolean => bytesEqual(name, opaqueName);

/** The name a whiteout deletes; `null` for other marks of old union file systems, which mean nothing here. */
export function whiteoutTarget(name: Buffer): Buffer | null {
  if (startsWith(name, ".wh..wh.")) return null;
  const target = name.subarray(whiteoutPrefix.length);
  if (target.length === 0 || bytesEqual(target, ".") || bytesEqual(target, "..")) {
    throw invalidArgument(`invalid whiteout name: ${JSON.stringify(shown(name))}`);
  }
  return target;
}

/** Hides `name` of the layers below. What this layer itself holds under that name stays, in whichever order they come. */
export function writeWhiteout(dir: number, name: Buffer): void {
  try {
    mknodAt(dir, name, S_IFCHR, 0);
    return;
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
  const fd = tryOpenAt(dir, name, O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return; // anything but a directory hides what is below by itself
  markOpaque(fd);
  close(fd);
}

/** Hides everything that the layers below have in the directory of `fd`, which may be O_PATH. */
export function markOpaque(fd: number): void {
  setxattr(fd, opaqueAttribute, Buffer.from("y"));
}

export function isOpaque(fd: number): boolean {
  return getxattr(fd, opaqueAttribute)?.toString() === "y";
}
