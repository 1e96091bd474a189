/** `load`, `save` and `push` of the big image, and its `pull` from a registry on loopback. */
import { succeed } from "../test/harness/command.ts";
import { BigImage } from "./big-image.ts";
import { command, type Engine } from "./engines.ts";
import type { Table } from "./table.ts";

/** One measured thing: what is done before, what counts, what is done after. */
interface Case {
  readonly name: string;
  before?(engine: Engine): Promise<void>;
  run(engine: Engine): Promise<void>;
  after(engine: Engine): Promise<void>;
}

export async function images(engines: readonly [Engine, ...Engine[]]): Promise<Table> {
  await using image = await BigImage.make(engines[0]);
  const remove = (name: string) => async (engine: Engine) => void (await command(engine, "rmi", "-f", name));
  const cases: Case[] = [
    { name: "load of 500 MB, 20,000 files", run: (engine) => image.load(engine), after: remove(image.loaded) },
    { name: "pull of the same, gzip, from loopback", run: (engine) => image.pull(engine), after: remove(image.pulled) },
    {
      name: "save of it",
      before: (engine) => image.load(engine),
      run: (engine) => image.save(engine),
      after: remove(image.loaded),
    },
    {
      name: "push of it to an empty registry on loopback",
      before: (engine) => image.readyToPush(engine),
      run: (engine) => image.push(engine),
      after: (engine) => image.pushed(engine),
    },
  ];
  const rows: Table["rows"][number][] = [];
  for (const one of cases) rows.push({ name: one.name, values: await times(engines, one) });
  return { title: "Images", unit: "ms, median of 5", rows };
}

/** Median of five, the engines turn by turn, so that a slow minute of the machine hits all alike. */
async function times(engines: readonly Engine[], one: Case): Promise<Record<string, number>> {
  const runs: Record<string, number[]> = {};
  for (let i = 0; i < 5; i++) {
    for (const engine of engines) {
      await one.before?.(engine);
      await succeed(["sync"]);
      const from = performance.now();
      await one.run(engine);
      runs[engine.name] = [...(runs[engine.name] ?? []), performance.now() - from];
      await one.after(engine);
    }
  }
  return Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, list.sort((a, b) => a - b)[2] ?? 0]));
}
