/** The folders that every engine needs before its first service. */
import { mkdirSync } from "node:fs";
import type { EnginePaths } from "../lib/engine-paths.ts";

/** The two roots are root's alone; a container's user passes through only where a mount is bound for it. */
export function makeDirectories(paths: EnginePaths): void {
  for (const dir of [paths.dataRoot, paths.execRoot]) mkdirSync(dir, { recursive: true, mode: 0o710 });
  for (const dir of [
    paths.content,
    paths.snapshots,
    paths.containers,
    paths.seccomp,
    paths.trash,
    paths.bundles,
    paths.rootfs,
    paths.netns,
  ]) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }
  mkdirSync(paths.volumes, { recursive: true, mode: 0o711 });
}
