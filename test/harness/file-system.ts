/** A file system of a test's own, in a file, mounted through a loop device. */
import { closeSync, mkdirSync, openSync, rmSync, truncateSync } from "node:fs";
import { MNT_DETACH, unmount } from "../../src/linux/mount.ts";
import { run, succeed } from "./command.ts";

export type FileSystemKind = "ext4" | "xfs";

const commands: Readonly<Record<FileSystemKind, readonly string[]>> = {
  ext4: ["mkfs.ext4", "-q"],
  xfs: ["mkfs.xfs", "-q"],
};
/** What mkfs is told besides, where quotas are wanted. */
const quotaOptions: Readonly<Record<FileSystemKind, readonly string[]>> = {
  ext4: ["-O", "quota,project", "-E", "quotatype=prjquota"],
  xfs: [],
};
/** mkfs.xfs makes none below 300 MB. */
const bytes = 400 << 20;

/** Mounts a new one at `point`, with project quotas where `quota`; null, with the reason printed, where this host cannot. */
export async function mountFileSystem(
  kind: FileSystemKind,
  point: string,
  { quota = false } = {},
): Promise<Disposable | null> {
  const [make = "", ...options] = commands[kind];
  if (Bun.which(make) === null) {
    console.warn(`no ${make} on this host: nothing is tested on ${kind}`);
    return null;
  }
  const file = `${point}.${kind}`;
  closeSync(openSync(file, "wx"));
  truncateSync(file, bytes);
  await succeed([make, ...options, ...(quota ? quotaOptions[kind] : []), file]);
  mkdirSync(point, { recursive: true });
  const mounted = await run(["mount", "-o", quota ? "loop,prjquota" : "loop", file, point]);
  if (mounted.code !== 0) {
    console.warn(`this kernel does not mount ${kind}${quota ? " with project quotas" : ""}: ${mounted.stderr.trim()}`);
    rmSync(file);
    return null;
  }
  return {
    [Symbol.dispose]() {
      unmount(point, MNT_DETACH);
      rmSync(file);
    },
  };
}
