/** Which storage driver an engine uses. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf, systemError } from "../lib/errors.ts";
import { unmount } from "../linux/mount.ts";
import { NativeSnapshotter } from "./native.ts";
import { OverlaySnapshotter } from "./overlay.ts";
import { mountOverlay } from "./overlay-mount.ts";
import type { Snapshotter } from "./snapshotter.ts";

/**
 * The driver called `name` on the data at `root`; `null` takes overlay where a trial mount there works, else vfs. Throws
 * `system` for an unknown driver or one that does not work here.
 */
export function createSnapshotter(name: string | null, root: string): Snapshotter {
  if (name === "vfs" || name === "native") return new NativeSnapshotter(root);
  if (name !== null && name !== "overlay2" && name !== "overlay" && name !== "overlayfs") {
    throw systemError(`error initializing graphdriver: driver not supported: ${name}`);
  }
  const problem = tryOverlay(root);
  if (problem === null) return new OverlaySnapshotter(root);
  if (name !== null) throw systemError(`error initializing graphdriver: overlay does not work at ${root}: ${problem}`);
  return new NativeSnapshotter(root);
}

/** Mounts an overlay of empty directories at `root`; answers what went wrong, or `null`. */
function tryOverlay(root: string): string | null {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const dir = mkdtempSync(join(root, "probe-"));
  try {
    for (const part of ["lower", "upper", "work", "merged"]) mkdirSync(join(dir, part));
    const merged = join(dir, "merged");
    const paths = { lower: [join(dir, "lower")], upper: join(dir, "upper"), work: join(dir, "work") };
    mountOverlay(merged, { ...paths, volatile: false });
    unmount(merged);
    return null;
  } catch (error) {
    return messageOf(error);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
