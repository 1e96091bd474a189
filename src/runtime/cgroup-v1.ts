import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, mount } from "../linux/mount.ts";
import { isErrno } from "../linux/syscall-error.ts";

const base = "/sys/fs/cgroup";

/** Controllers that one hierarchy is customary for. */
const together: readonly (readonly string[])[] = [["net_cls", "net_prio"]];

/**
 * On a host with cgroup v1 under /sys/fs/cgroup, mounts the controllers that no hierarchy has yet (cgroups(7)), and returns
 * their names; does nothing on v2. A controller that the kernel does not give is left out.
 */
export function mountMissingControllers(): string[] {
  if (existsSync(`${base}/cgroup.controllers`)) return [];
  const free = readFileSync("/proc/cgroups", "utf8")
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(([name, hierarchy, , enabled]) => name && !name.startsWith("#") && hierarchy === "0" && enabled === "1")
    .map(([name = ""]) => name);
  const groups = [
    ...together.map((names) => names.filter((name) => free.includes(name))).filter((names) => names.length > 0),
    ...free.filter((name) => !together.flat().includes(name)).map((name) => [name]),
  ];
  return groups.flatMap((names) => (mountController(names.join(",")) ? names : []));
}

function mountController(names: string): boolean {
  const target = `${base}/${names}`;
  mkdirSync(target, { recursive: true });
  try {
    mount("cgroup", target, "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, names);
    return true;
  } catch (error) {
    if (!isErrno(error, "EBUSY", "EINVAL", "ENODEV", "EPERM", "ENOENT")) throw error;
    rmdirSync(target);
    return false;
  }
}
