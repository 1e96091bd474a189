/** What a large layer costs the memory of an engine through which it passes. */
import { command, type Engine } from "./engines.ts";
import { LayeredImage } from "./layered-image.ts";
import { peakPssKb } from "./measure.ts";
import type { Table } from "./table.ts";

/** What the processes of an engine hold at most while one layer of a gigabyte passes. */
export async function transferMemory(all: readonly Engine[]): Promise<Table> {
  await using image = await LayeredImage.make({ layers: 1, files: 4, bytes: 1 << 30 });
  const [pulls, loads, pushes]: Record<string, number>[] = [{}, {}, {}];
  for (const engine of all) {
    // podman has no process of its own.
    if ((await engine.pids()).length === 0) continue;
    const peak = async (work: () => Promise<void>) => (await peakPssKb(() => engine.pids(), work)) / 1024;
    if (pulls) pulls[engine.name] = await peak(() => image.pull(engine));
    await command(engine, "rmi", "-f", image.pulled);
    if (loads) loads[engine.name] = await peak(() => image.load(engine));
    await command(engine, "rmi", "-f", image.loaded);
    await image.readyToPush(engine);
    if (pushes) pushes[engine.name] = await peak(() => image.push(engine));
    await image.pushed(engine);
  }
  const rows = [
    { name: "pull", values: pulls ?? {} },
    { name: "load", values: loads ?? {} },
    { name: "push", values: pushes ?? {} },
  ];
  return {
    title: "Memory while one layer of 1 GiB passes",
    unit: "MiB of PSS, the highest of ten samples a second",
    rows,
  };
}
