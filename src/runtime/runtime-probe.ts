/** One real container, as small as can be: what `docker run` would meet on this host, found out when the engine starts. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MNT_DETACH, mount, unmount } from "../linux/mount.ts";
import { kernelMounts } from "./spec/defaults.ts";
import type { OciSpec } from "./spec/oci.ts";

/** Static programs that need nothing else in a root, and how they end well at once. */
const programs: readonly (readonly [path: string, ...args: string[]])[] = [
  ["/usr/bin/tini-static", "--version"],
  ["/usr/libexec/docker/docker-init", "--version"],
  ["/bin/busybox", "true"],
];

/** Why the runtime at `path` cannot start a container, null when it can, or when there is no static program to try with. */
export async function tryStart(path: string, execRoot: string): Promise<string | null> {
  const program = programs.find(([file]) => existsSync(file));
  if (!program) return null;
  mkdirSync(execRoot, { recursive: true, mode: 0o700 });
  const dir = mkdtempSync(join(execRoot, "probe-"));
  const rootfs = join(dir, "rootfs");
  mkdirSync(rootfs);
  // Debian mounts /run noexec; containers have mounts of their own there, and so has this one.
  mount("tmpfs", rootfs, "tmpfs", 0, "size=16m,mode=755");
  try {
    for (const name of ["proc", "dev", "sys"]) mkdirSync(join(rootfs, name));
    copyFileSync(program[0], join(rootfs, "probe"));
    writeFileSync(join(dir, "config.json"), JSON.stringify(probeSpec(rootfs, program.slice(1))));
    const id = `dhow-probe-${process.pid}-${dir.slice(-6)}`;
    const child = Bun.spawn([path, "--root", join(dir, "state"), "run", "--bundle", dir, id], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      env: { PATH: process.env.PATH ?? "" },
      timeout: 10_000,
      killSignal: "SIGKILL",
    });
    const [code, complaint] = await Promise.all([child.exited, new Response(child.stderr).text()]);
    return code === 0 ? null : complaint.trim() || `exit code ${code}`;
  } finally {
    unmount(rootfs, MNT_DETACH);
    rmSync(dir, { recursive: true, force: true });
  }
}

function probeSpec(rootfs: string, args: readonly string[]): OciSpec {
  const none: string[] = [];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0, additionalGids: [] },
      args: ["/probe", ...args],
      env: ["PATH=/"],
      cwd: "/",
      capabilities: { bounding: none, effective: none, permitted: none, inheritable: none, ambient: none },
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: false },
    mounts: kernelMounts,
    linux: {
      namespaces: [{ type: "mount" }, { type: "pid" }, { type: "ipc" }, { type: "uts" }, { type: "network" }],
      devices: [],
      cgroupsPath: `/dhow-probe-${process.pid}`,
      resources: { devices: [{ allow: false, access: "rwm" }], memory: { limit: 64 * 1024 * 1024 } },
      maskedPaths: [],
      readonlyPaths: [],
    },
  };
}
