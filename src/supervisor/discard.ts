import { closeSync, existsSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { systemError } from "../lib/errors.ts";
import { removeCgroups } from "../linux/cgroup.ts";
import { pidfdOpenIdentified, pidfdSignal } from "../linux/pidfd.ts";
import type { ProcessRecord } from "./records.ts";
import type { Supervised } from "./supervised.ts";
import { readUnfinishedStart } from "./take-over.ts";

/**
 * What `crun delete` or `runc delete` does for a container whose processes are all gone: its cgroups and the runtime's
 * state directory are removed. It saves a spawn of some 8 ms of CPU per container. False when that is not safe (it
 * runs, something else lives in its cgroup, or its cgroups are not known): then the runtime itself has to be asked.
 */
export function discardState({ exit, started, record }: Supervised): boolean {
  const { containerId } = record.target;
  const cgroups = started.cgroups?.all;
  if (exit === null || !cgroups?.length) return false;
  // A container that shares its cgroup with others (--cgroup-parent of a strange kind) is the runtime's business.
  if (!cgroups.every((directory) => directory.includes(containerId))) return false;
  if (!removeCgroups(cgroups)) return false;
  rmSync(join(record.runtime.root, containerId), { recursive: true, force: true });
  return true;
}

/** How long a killed process may take to leave its cgroup. */
const leavingPatienceMs = 2000;

/**
 * Ends a process whose record cannot be read: nobody could attach to it, log for it or tell its end. It is known by the pid
 * that the runtime wrote, and believed only where that process lives in a cgroup of the container's name.
 */
export async function endUnreadable(directory: string, key: string): Promise<void> {
  const started = readUnfinishedStart(directory);
  const [containerId = key, execId] = key.split(".");
  const cgroups = started?.cgroups?.all ?? [];
  if (!started || cgroups.length === 0 || !cgroups.every((path) => path.includes(containerId))) return;
  const pidfd = pidfdOpenIdentified(started.pid, started.startTime, closeSync);
  if (pidfd === null) return;
  pidfdSignal(pidfd, constants.signals.SIGKILL);
  closeSync(pidfd);
  if (execId !== undefined) return;
  const deadline = performance.now() + leavingPatienceMs;
  while (!removeCgroups(cgroups) && performance.now() < deadline) await Bun.sleep(10);
}

/** Has the OCI runtime itself delete the container, with force; its pid is in `spawned` while it runs. */
export async function deleteContainer({ runtime, target }: ProcessRecord, spawned: Set<number>): Promise<void> {
  const child = Bun.spawn([runtime.path, "--root", runtime.root, "delete", "--force", target.containerId], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  spawned.add(child.pid);
  const complaint = await new Response(child.stderr).text();
  const code = await child.exited;
  spawned.delete(child.pid);
  if (code !== 0 && existsSync(join(runtime.root, target.containerId))) {
    throw systemError(`delete container ${target.containerId}: ${complaint.trim() || `exit code ${code}`}`);
  }
}
