/** What an engine's processes hold, for tests and soaks that look for growth. */
import { readdirSync, readFileSync } from "node:fs";
import { pssKb } from "../../bench/measure.ts";
import type { TestDaemon } from "./daemon.ts";

/** Pids of the engine's own processes, the daemon first: those that name its exec root. */
export function enginePids(daemon: TestDaemon): number[] {
  const others = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== daemon.pid);
  const mine = others.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(daemon.execRoot);
    } catch {
      return false;
    }
  });
  return [daemon.pid, ...mine.map(Number)];
}

/** Open descriptors of each engine process; 0 for one that went meanwhile. */
export function descriptors(pids: readonly number[]): number[] {
  return pids.map((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).length;
    } catch {
      return 0;
    }
  });
}

/** Memory of all engine processes, MiB of proportional set size. */
export async function memoryMib(daemon: TestDaemon): Promise<number> {
  return (await pssKb(enginePids(daemon))) / 1024;
}
