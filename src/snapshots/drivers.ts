/** Which storage driver an engine uses. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { invalidArgument, messageOf, systemError } from "../lib/errors.ts";
import { unmount } from "../linux/mount.ts";
import { NativeSnapshotter } from "./native.ts";
import { OverlaySnapshotter } from "./overlay.ts";
import { mountOverlay } from "./overlay-mount.ts";
import type { Snapshotter } from "./snapshotter.ts";

/**
 * The driver called `name` on the data at `root`; without a name overlay2 where a trial mount there works, else vfs after
 * a word to `warn`. vfs keeps its data beside `root`, so that the two never meet. Throws `invalidArgument` for an unknown
 * driver, `system` for one that does not work here.
 */
export async function pickSnapshotter(
  name: string | null | undefined,
  root: string,
  warn: (message: string) => void,
): Promise<Snapshotter> {
  const native = (): Snapshotter => new NativeSnapshotter(join(dirname(root), "vfs"));
  if (name === "vfs") return native();
  if (name && name !== "overlay2" && name !== "overlay" && name !== "overlayfs") {
    throw invalidArgument(`error initializing graphdriver: driver not supported: ${name}`);
  }
  const problem = tryOverlay(root);
  if (problem === null) return new OverlaySnapshotter(root);
  if (name) throw systemError(`error initializing graphdriver: driver not supported: ${name} (${problem})`);
  warn(`overlayfs does not work at ${root} (${problem}), every container will be a full copy of its image`);
  return native();
}

/** Mounts an overlay of empty directories at `root`; answers what went wrong, or `null`. */
function tryOverlay(root: string): string | null {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const dir = mkdtempSync(join(root, "probe-"));
  try {
    for (const part of ["lower", "upper", "work", "merged"]) mkdirSync(join(dir, part));
    const merged = join(dir, "merged");
    const writable = { upper: join(dir, "upper"), work: join(dir, "work"), volatile: false };
    mountOverlay(merged, { lower: [join(dir, "lower")], writable });
    unmount(merged);
    return null;
  } catch (error) {
    return messageOf(error);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
