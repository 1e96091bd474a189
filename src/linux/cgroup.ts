/** A process's cgroups, v1 and v2: where they are, the freezer, and what the memory controller killed. See cgroups(7). */
import { readFileSync, writeFileSync } from "node:fs";
import { isErrno } from "./syscall-error.ts";

/** Directories of the cgroups that supervision touches; empty when the process has none of that kind. */
export interface CgroupDirectories {
  readonly version: 1 | 2;
  readonly memory: string;
  readonly freezer: string;
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

/** Where the cgroups of `pid` are; `null` when it is gone or nothing is mounted. */
export function cgroupsOf(pid: number): CgroupDirectories | null {
  hierarchies ??= mountedHierarchies();
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return null;
    throw error;
  }
  const found = { memory: "", freezer: "" };
  let unified = "";
  for (const line of text.split("\n")) {
    const [id, controllers, ...rest] = line.split(":");
    const path = rest.join(":");
    if (id === "0") unified = path;
    for (const name of ["memory", "freezer"] as const) {
      if (!controllers?.split(",").includes(name)) continue;
      const hierarchy = hierarchies.v1.find((each) => each.controllers.includes(name));
      if (hierarchy) found[name] = hierarchy.mount + path;
    }
  }
  if (found.memory || found.freezer) return { version: 1, ...found };
  if (hierarchies.v2 === null) return null;
  const directory = hierarchies.v2 + unified;
  return { version: 2, memory: directory, freezer: directory };
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
