/** `load`, `save`, `push` and `pull` of images of two shapes, with skopeo's copies beside them. */
import { succeed } from "../test/harness/command.ts";
import { command, type Engine } from "./engines.ts";
import { bigShape, LayeredImage } from "./layered-image.ts";
import type { Table } from "./table.ts";

type Row = Table["rows"][number];

/** One measured thing: what is done before, what counts, what is done after. */
interface Case {
  readonly name: string;
  before?(engine: Engine): Promise<void>;
  run(engine: Engine): Promise<void>;
  after(engine: Engine): Promise<void>;
  /** Milliseconds that skopeo takes for what is nearest to it. */
  skopeo?(): Promise<number>;
}

const rounds = 3;

export async function images(engines: readonly Engine[]): Promise<Table> {
  const rows = [
    ...(await shape(engines, "500 MB, 20,000 files, 10 layers", await LayeredImage.make(bigShape))),
    ...(await shape(
      engines,
      "60 layers of 20 files, 6 MB",
      await LayeredImage.make({ layers: 60, files: 1200, bytes: 6 << 20 }),
    )),
  ];
  return { title: "Images", unit: `ms, median of ${rounds}`, rows };
}

async function shape(engines: readonly Engine[], what: string, made: LayeredImage): Promise<Row[]> {
  await using image = made;
  const remove = (name: string) => async (engine: Engine) => void (await command(engine, "rmi", "-f", name));
  const cases: Case[] = [
    { name: "load", run: (engine) => image.load(engine), after: remove(image.loaded) },
    {
      name: "pull from loopback",
      run: (engine) => image.pull(engine),
      after: remove(image.pulled),
      skopeo: () => image.skopeoPull(),
    },
    {
      name: "save",
      before: (engine) => image.load(engine),
      run: (engine) => image.save(engine),
      after: remove(image.loaded),
    },
    {
      name: "push to an empty registry",
      before: (engine) => image.readyToPush(engine),
      run: (engine) => image.push(engine),
      after: (engine) => image.pushed(engine),
      skopeo: () => image.skopeoPush(),
    },
  ];
  const rows: Row[] = [];
  for (const one of cases) {
    const row = { name: `${one.name}: ${what}`, values: await times(engines, one) };
    console.log(`${row.name}: ${JSON.stringify(row.values)}`);
    rows.push(row);
  }
  return rows;
}

/** Medians, the engines turn by turn, so that a slow minute of the machine hits all alike. */
async function times(engines: readonly Engine[], one: Case): Promise<Record<string, number>> {
  const runs: Record<string, number[]> = {};
  const note = (name: string, took: number) => {
    runs[name] = [...(runs[name] ?? []), took];
  };
  for (let i = 0; i < rounds; i++) {
    for (const engine of engines) {
      await one.before?.(engine);
      await succeed(["sync"]);
      const from = performance.now();
      await one.run(engine);
      note(engine.name, performance.now() - from);
      await one.after(engine);
    }
    if (one.skopeo) note("skopeo", await one.skopeo());
  }
  const middle = (list: number[]) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
  return Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, middle(list)]));
}
