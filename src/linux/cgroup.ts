/** A process's cgroups, v1 and v2: where they are, the freezer, and what the memory controller killed. See cgroups(7). */
import { existsSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { isErrno } from "./syscall-error.ts";

/** Directories of the cgroups that supervision touches; empty when the process has none of that kind. */
export interface CgroupDirectories {
  readonly version: 1 | 2;
  readonly memory: string;
  readonly freezer: string;
  /** Of every hierarchy, one each. */
  readonly all: readonly string[];
}

interface Hierarchy {
  readonly mount: string;
  readonly controllers: readonly string[];
}

let hierarchies: { v1: Hierarchy[]; v2: string | null } | undefined;

/** Reads mountinfo once: `36 35 98:0 /root /mount opts - type source superoptions` (proc_pid_mountinfo(5)). */
function mountedHierarchies(): { v1: Hierarchy[]; v2: string | null } {
  const v1: Hierarchy[] = [];
  let v2: string | null = null;
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const [before, after] = line.split(" - ");
    const mount = before?.split(" ")[4];
    const [type, , options] = after?.split(" ") ?? [];
    if (!mount) continue;
    if (type === "cgroup2") v2 ??= mount;
    if (type === "cgroup") v1.push({ mount, controllers: options?.split(",") ?? [] });
  }
  return { v1, v2 };
}

interface Membership {
  readonly id: string;
  readonly controllers: readonly string[];
  readonly path: string;
}

/** The lines of /proc/pid/cgroup; `null` when the process is gone. */
function readMembership(pid: number): Membership[] | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return null;
    throw error;
  }
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [id = "", controllers = "", ...rest] = line.split(":");
      return { id, controllers: controllers.split(","), path: rest.join(":") };
    });
}

/** Where the cgroups of `pid` are; `null` when it is gone or nothing is mounted. */
export function cgroupsOf(pid: number): CgroupDirectories | null {
  hierarchies ??= mountedHierarchies();
  const membership = readMembership(pid);
  if (membership === null) return null;
  const of = (controller: string): string | null => directoryIn(membership, controller);
  const { v1, v2 } = hierarchies;
  const all = membership.flatMap(({ id, controllers, path }) => {
    const first = controllers[0] ?? "";
    const mount = id === "0" ? v2 : v1.find((each) => each.controllers.includes(first))?.mount;
    return mount ? [mount + path] : [];
  });
  const [memory, freezer, unified] = [of("memory") ?? "", of("freezer") ?? "", of("")];
  if (memory || freezer) return { version: 1, memory, freezer, all };
  return unified === null ? null : { version: 2, memory: unified, freezer: unified, all };
}

/**
 * The cgroups named `path` (from the hierarchies' roots) in every hierarchy where they exist: of a process that has ended,
 * whose own membership the kernel no longer tells.
 */
export function cgroupsAt(path: string): CgroupDirectories | null {
  hierarchies ??= mountedHierarchies();
  const { v1, v2 } = hierarchies;
  const of = (controller: string): string => {
    const mount = v1.find((each) => each.controllers.includes(controller))?.mount;
    return mount ? mount + path : "";
  };
  const all = [...v1.map(({ mount }) => mount), ...(v2 === null ? [] : [v2])]
    .map((mount) => mount + path)
    .filter((directory) => existsSync(directory));
  if (all.length === 0) return null;
  if (v1.length > 0) return { version: 1, memory: of("memory"), freezer: of("freezer"), all };
  return { version: 2, memory: v2 + path, freezer: v2 + path, all };
}

function readFile(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV", "EOPNOTSUPP")) return null;
    throw error;
  }
}

/** How many processes the kernel killed there for want of memory; 0 when the cgroup is gone. */
export function oomKills(directories: CgroupDirectories): number {
  if (!directories.memory) return 0;
  const file = directories.version === 1 ? "memory.oom_control" : "memory.events";
  const text = readFile(`${directories.memory}/${file}`);
  return Number(/^oom_kill (\d+)$/m.exec(text ?? "")?.[1] ?? 0);
}

/** Asks the freezer; {@link isFrozen} tells when it has. */
export function setFrozen(directories: CgroupDirectories, frozen: boolean): void {
  if (directories.version === 1) {
    writeFileSync(`${directories.freezer}/freezer.state`, frozen ? "FROZEN" : "THAWED");
  } else {
    writeFileSync(`${directories.freezer}/cgroup.freeze`, frozen ? "1" : "0");
  }
}

/** True when every process of the cgroup stands still. */
export function isFrozen(directories: CgroupDirectories): boolean {
  if (directories.version === 1) return readFile(`${directories.freezer}/freezer.state`)?.trim() === "FROZEN";
  return /^frozen 1$/m.test(readFile(`${directories.freezer}/cgroup.events`) ?? "");
}

/**
 * The directory of one v1 controller's cgroup of `pid`, or with `""` the unified (v2) one; `null` when that hierarchy
 * is not mounted or the process is gone.
 */
export function controllerDirectory(pid: number, controller: string): string | null {
  const membership = readMembership(pid);
  return membership && directoryIn(membership, controller);
}

function directoryIn(membership: readonly Membership[], controller: string): string | null {
  hierarchies ??= mountedHierarchies();
  for (const { id, controllers, path } of membership) {
    if (controller === "" && id === "0" && hierarchies.v2 !== null) return hierarchies.v2 + path;
    if (controller === "" || !controllers.includes(controller)) continue;
    const hierarchy = hierarchies.v1.find((each) => each.controllers.includes(controller));
    if (hierarchy) return hierarchy.mount + path;
  }
  return null;
}

/**
 * Removes cgroups in which nothing runs and that have no cgroups below; what is gone already is fine. False when one
 * of them resists: somebody still lives there.
 */
export function removeCgroups(directories: readonly string[]): boolean {
  try {
    for (const directory of directories) removeDirectory(directory);
    return true;
  } catch (error) {
    if (isErrno(error, "EBUSY", "ENOTEMPTY")) return false;
    throw error;
  }
}

function removeDirectory(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/**
 * Removes the cgroup `path` (from the hierarchy's root, as `/name`) in every hierarchy where it is empty; where somebody
 * still lives there it stays. The OCI runtimes make the parents of their containers' cgroups and never remove them.
 */
export function removeCgroupEverywhere(path: string): void {
  hierarchies ??= mountedHierarchies();
  const { v1, v2 } = hierarchies;
  for (const mount of [...v1.map((each) => each.mount), ...(v2 === null ? [] : [v2])]) removeCgroups([mount + path]);
}
