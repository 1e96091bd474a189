import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { MNT_DETACH, MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, unmount } from "../linux/mount.ts";

export interface SecretFile {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly data: Uint8Array;
}

/** A tmpfs that holds a container's secrets while its process is made; the container's mounts keep it after that. */
export interface SecretFiles {
  /** Mounts a tmpfs at `path` and writes the files, all of them below it. */
  mount(path: string, files: readonly SecretFile[]): void;
  /** What is not mounted is fine. */
  unmount(path: string): void;
}

export function createSecretFiles(): SecretFiles {
  return {
    mount(path, files) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      mount("secrets", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755");
      for (const file of files) {
        mkdirSync(dirname(file.path), { recursive: true, mode: 0o755 });
        writeFileSync(file.path, file.data, { mode: 0o600, flag: "wx" });
        chownSync(file.path, file.uid, file.gid);
        chmodSync(file.path, file.mode);
      }
    },
    unmount(path) {
      // A crash between a mount and its undoing may have left one over another.
      while (unmount(path, MNT_DETACH));
      rmSync(path, { recursive: true, force: true });
    },
  };
}
