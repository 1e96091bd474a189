import type { Int64 } from "../../lib/json.ts";
import { kernelMounts } from "./defaults.ts";
import type { SpecInput } from "./input.ts";
import { wantsInit } from "./modes.ts";
import type { OciMount } from "./oci.ts";
import { hasWritableCgroups } from "./security-opt.ts";

/**
 * All mounts of the bundle, outer ones first: the kernel's file systems, then the engine's files and the user's mounts by
 * depth, so that a volume on /etc does not hide /etc/hosts. A user's mount replaces the engine's at the same place; one
 * on /dev replaces everything below it too.
 */
export function bundleMounts(input: SpecInput): OciMount[] {
  const taken = new Set(input.mounts.map((mount) => mount.destination));
  const covered = (destination: string): boolean =>
    taken.has(destination) || (taken.has("/dev") && destination.startsWith("/dev/"));
  const uncovered = (mount: OciMount): boolean => !covered(mount.destination);
  const engine = [...kernel(input), ...sharedMemory(input)].filter(uncovered);
  return [...engine, ...byDepth([...files(input).filter(uncovered), ...input.mounts])];
}

/** Sorted so that a mount never hides one that was made before it; equal depths keep their order. */
function byDepth(mounts: readonly OciMount[]): OciMount[] {
  const depth = (path: string): number => path.split("/").filter((part) => part !== "").length;
  return [...mounts].sort((a, b) => depth(a.destination) - depth(b.destination));
}

function kernel({ hostConfig }: SpecInput): OciMount[] {
  const writable = (mount: OciMount): boolean =>
    hostConfig.Privileged === true || (mount.type === "cgroup" && hasWritableCgroups(hostConfig.SecurityOpt ?? []));
  return kernelMounts.map((mount) =>
    writable(mount) ? { ...mount, options: mount.options.filter((option) => option !== "ro") } : mount,
  );
}

function sharedMemory({ hostConfig, shmPath, defaults }: SpecInput): OciMount[] {
  const mode = hostConfig.IpcMode;
  const destination = "/dev/shm";
  if (mode === "none") return [];
  if (mode === "host") return [bind("/dev/shm", destination)];
  if (shmPath !== null) return [bind(shmPath, destination)];
  const size: Int64 = hostConfig.ShmSize || defaults.shmSize;
  return [
    {
      destination,
      type: "tmpfs",
      source: "shm",
      options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${size}`],
    },
  ];
}

function files(input: SpecInput): OciMount[] {
  const { hosts, resolvConf, hostname } = input.files;
  const list: OciMount[] = [];
  const mode = input.hostConfig.ReadonlyRootfs === true ? ["ro"] : [];
  if (resolvConf !== undefined) list.push(bind(resolvConf, "/etc/resolv.conf", ...mode));
  if (hostname !== undefined) list.push(bind(hostname, "/etc/hostname", ...mode));
  if (hosts !== undefined) list.push(bind(hosts, "/etc/hosts", ...mode));
  if (wantsInit(input)) list.push(bind(input.defaults.initPath, "/sbin/docker-init", "ro"));
  return list;
}

const bind = (source: string, destination: string, ...options: string[]): OciMount => ({
  destination,
  type: "bind",
  source,
  options: ["rbind", ...options, "rprivate"],
});
