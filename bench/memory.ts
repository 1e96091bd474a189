/** What an engine's own processes cost: the sum of their PSS, idle and after work, and what an idle container adds. */
import { readdirSync, readFileSync } from "node:fs";

import { command, type Engine, removeNow } from "./engines.ts";
import { bigShape, LayeredImage } from "./layered-image.ts";
import { pssKb } from "./measure.ts";
import type { Table } from "./table.ts";

const containers = 100;
/** Each figure is taken after a rest, as docs/BENCHMARKS.md says. */
const restMs = 60_000;

export async function memory(all: readonly [Engine, ...Engine[]]): Promise<Table> {
  const idle: Record<string, number> = {};
  const worked: Record<string, number> = {};
  const perContainer: Record<string, number> = {};
  for (const engine of all) if ((await engine.pids()).length > 0) idle[engine.name] = await rested(engine);
  // podman has no process of its own.
  const engines = all.filter(({ name }) => idle[name] !== undefined);
  await using image = await LayeredImage.make(bigShape);
  for (const engine of engines) {
    await image.pull(engine);
    for (let i = 0; i < 100; i++) await command(engine, "run", "--rm", "bench-busybox", "true");
    worked[engine.name] = await rested(engine);
    const before = await total(engine);
    const ids: string[] = [];
    for (let i = 0; i < containers; i++) ids.push(await command(engine, "run", "-d", "bench-busybox", "sleep", "600"));
    await Bun.sleep(restMs);
    const after = await total(engine);
    perContainer[engine.name] = (after - before) / containers / 1024;
    await removeNow(engine, ...ids);
    await command(engine, "rmi", "-f", image.pulled);
  }
  return {
    title: "Memory of the engine's own processes",
    unit: "MiB, PSS",
    rows: [
      { name: "idle", values: idle },
      { name: "after a pull of 500 MB and 100 runs", values: worked },
      { name: "each idle container adds", values: perContainer },
    ],
  };
}

/** MiB of an engine that has had a rest. */
async function rested(engine: Engine): Promise<number> {
  await Bun.sleep(restMs);
  return (await pssKb(await engine.pids())) / 1024;
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
