/** CPU time of an engine's own processes, from /proc. */
import { readdirSync, readFileSync } from "node:fs";
import type { Engine } from "./engines.ts";

/** Linux counts in hundredths of a second wherever user space looks (sysconf(_SC_CLK_TCK)). */
const tickMs = 10;

/** Milliseconds of CPU, in user and kernel mode, that the engine's processes have used, the shims of dockerd's containers among them. */
export async function cpuMs(engine: Engine): Promise<number> {
  const shims = engine.name === "dockerd" ? shimPids() : [];
  return [...(await engine.pids()), ...shims].reduce((sum, pid) => sum + ticksOf(pid) * tickMs, 0);
}

/** utime and stime are the 14th and 15th fields of proc_pid_stat(5); the second may hold spaces. */
function ticksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}

function shimPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("containerd-shim");
      } catch {
        return false;
      }
    });
}
