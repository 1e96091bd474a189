/** `load`, and `pull` from a registry on loopback, of the big image. */
import { succeed } from "../test/harness/command.ts";
import { BigImage } from "./big-image.ts";
import { command, type Engine } from "./engines.ts";
import type { Table } from "./table.ts";

export async function images(engines: readonly [Engine, ...Engine[]]): Promise<Table> {
  await using image = await BigImage.make(engines[0]);
  const load = (engine: Engine): Promise<void> => image.load(engine);
  const pull = (engine: Engine): Promise<void> => image.pull(engine);
  return {
    title: "Images",
    unit: "ms, median of 5",
    rows: [
      { name: "load of 500 MB, 20,000 files", values: await times(engines, load, image.loaded) },
      { name: "pull of the same, gzip, from loopback", values: await times(engines, pull, image.pulled) },
    ],
  };
}

/** Median of five, the engines turn by turn, so that a slow minute of the machine hits all alike. */
async function times(
  engines: readonly Engine[],
  action: (engine: Engine) => Promise<void>,
  image: string,
): Promise<Record<string, number>> {
  const runs: Record<string, number[]> = {};
  for (let i = 0; i < 5; i++) {
    for (const engine of engines) {
      await succeed(["sync"]);
      const from = performance.now();
      await action(engine);
      runs[engine.name] = [...(runs[engine.name] ?? []), performance.now() - from];
      await command(engine, "rmi", "-f", image);
    }
  }
  return Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, list.sort((a, b) => a - b)[2] ?? 0]));
}
