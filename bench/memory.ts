/** What an engine's own processes cost: the sum of their PSS, idle and after work, and what an idle container adds. */
import { readdirSync, readFileSync } from "node:fs";
import { command, type Engine, removeNow } from "./engines.ts";
import { pssKb } from "./measure.ts";
import type { Table } from "./table.ts";

const containers = 20;
/** Each figure is taken after a rest, as docs/BENCHMARKS.md says. */
const restMs = 40_000;

export async function memory(engines: readonly Engine[]): Promise<Table> {
  const rows = { idle: {}, after: {}, perContainer: {} } as Record<string, Record<string, number | undefined>>;
  for (const engine of engines) {
    const pids = await engine.pids();
    if (pids.length === 0) continue;
    await Bun.sleep(restMs);
    rows.idle![engine.name] = (await pssKb(pids)) / 1024;
    for (let i = 0; i < 100; i++) await command(engine, "run", "--rm", "bench-busybox", "true");
    await Bun.sleep(restMs);
    rows.after![engine.name] = (await pssKb(await engine.pids())) / 1024;
    const before = await total(engine);
    const ids: string[] = [];
    for (let i = 0; i < containers; i++) ids.push(await command(engine, "run", "-d", "bench-busybox", "sleep", "600"));
    const after = await total(engine);
    rows.perContainer![engine.name] = (after - before) / containers / 1024;
    await removeNow(engine, ...ids);
  }
  return {
    title: "Memory of the engine's own processes",
    unit: "MiB, PSS",
    rows: [
      { name: "idle", values: rows.idle! },
      { name: "after 100 runs", values: rows.after! },
      { name: "each idle container adds", values: rows.perContainer! },
    ],
  };
}

/** The engine's processes plus per-container monitors (containerd-shim), in kB. */
async function total(engine: Engine): Promise<number> {
  const shims = engine.name === "dockerd" ? processesNamed("containerd-shim") : [];
  return await pssKb([...(await engine.pids()), ...shims]);
}

function processesNamed(name: string): number[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0]?.includes(name);
      } catch {
        return false;
      }
    })
    .map(Number);
}
