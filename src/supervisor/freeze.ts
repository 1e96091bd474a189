/** Freezing and thawing a container's cgroup. */
import { type CgroupDirectories, isFrozen, setFrozen } from "../linux/cgroup.ts";

const patienceMs = 5000;

/** Freezes or thaws, and waits until the kernel has; false when it has not in five seconds, and what would not freeze is thawed. */
export async function freeze(cgroups: CgroupDirectories, frozen: boolean): Promise<boolean> {
  setFrozen(cgroups, frozen);
  const deadline = performance.now() + patienceMs;
  for (let tries = 1; isFrozen(cgroups) !== frozen; tries++) {
    if (performance.now() > deadline) {
      if (frozen) setFrozen(cgroups, false);
      return false;
    }
    await Bun.sleep(2);
    // A process frozen in the middle of its parent's vfork keeps the parent from freezing for ever: both are let go on a little.
    if (frozen && tries % 25 === 0) {
      setFrozen(cgroups, false);
      await Bun.sleep(1);
    }
    if (frozen) setFrozen(cgroups, true);
  }
  return true;
}
