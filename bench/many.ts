/** Lists must stay quick on a full machine: `ps` with 1,000 containers, and with 100 that run. */
import { answer, makeContainers, removeContainers, withSocket } from "./api.ts";
import { type Engine, timedCommand } from "./engines.ts";
import { interleaved } from "./measure.ts";
import type { Table } from "./table.ts";

const created = 1000;
const running = 100;

export async function many(all: readonly Engine[]): Promise<Table> {
  const engines = withSocket(all);
  const rows: Table["rows"][number][] = [];
  const add = async (name: string, action: (engine: Engine) => unknown) => {
    const actions = engines.map((engine) => [engine.name, async () => void (await action(engine))] as const);
    const samples = await interleaved(Object.fromEntries(actions), 20);
    const medians = Object.entries(samples).map(([key, { median }]) => [key, median] as const);
    rows.push({ name, values: Object.fromEntries(medians) });
  };
  const made = new Map<Engine, string[]>();
  for (const engine of engines) made.set(engine, await makeContainers(engine, created, { started: false }));
  await add(`ps -a, ${created} created`, (engine) => timedCommand(engine, "ps", "-a"));
  await add(`ps -aq, ${created} created`, (engine) => timedCommand(engine, "ps", "-aq"));
  await add(`API: list of ${created} created`, (engine) => answer(engine, "GET", "/containers/json?all=1"));
  for (const engine of engines) made.get(engine)?.push(...(await makeContainers(engine, running)));
  await add(`ps, ${running} running beside them`, (engine) => timedCommand(engine, "ps"));
  await add(`API: list of the ${running} running`, (engine) => answer(engine, "GET", "/containers/json"));
  await add(`API: inspect of one among all`, (engine) =>
    answer(engine, "GET", `/containers/${made.get(engine)?.[0]}/json`),
  );
  for (const engine of engines) await removeContainers(engine, made.get(engine) ?? []);
  return { title: "Many containers", unit: "ms, median", rows };
}
