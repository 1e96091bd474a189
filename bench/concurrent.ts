/** Many starts at once: how long until the last of them has its container. */
import { each, makeContainers, removeContainers, withSocket } from "./api.ts";
import { command, type Engine } from "./engines.ts";
import { summary } from "./measure.ts";
import type { Table } from "./table.ts";

const starts = 50;
const rounds = 3;

export async function concurrent(all: readonly Engine[]): Promise<Table> {
  const engines = withSocket(all);
  return {
    title: "Concurrent starts",
    unit: `ms, median of ${rounds}`,
    rows: [
      { name: `${starts} run -d at once`, values: await times(engines, commands) },
      { name: `API: ${starts} creates and starts at once`, values: await times(engines, requests) },
    ],
  };
}

async function commands(engine: Engine): Promise<string[]> {
  const ids: string[] = [];
  const one = async () => ids.push(await command(engine, "run", "-d", "bench-busybox", "sleep", "600"));
  await each(starts, one, starts);
  return ids;
}

function requests(engine: Engine): Promise<string[]> {
  return makeContainers(engine, starts, { atOnce: starts });
}

async function times(
  engines: readonly Engine[],
  start: (engine: Engine) => Promise<string[]>,
): Promise<Record<string, number>> {
  const taken: Record<string, number[]> = {};
  for (let round = 0; round <= rounds; round++) {
    for (const engine of engines) {
      await Bun.sleep(500);
      const from = performance.now();
      const ids = await start(engine);
      // The first round is to get warm.
      if (round > 0) taken[engine.name] = [...(taken[engine.name] ?? []), performance.now() - from];
      await removeContainers(engine, ids);
    }
  }
  return Object.fromEntries(Object.entries(taken).map(([name, list]) => [name, summary(list).median]));
}
