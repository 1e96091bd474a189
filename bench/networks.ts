/** What networking costs: in a start, in connections of a running container, and with many published ports. */
import { command, type Engine, removeNow, timedCommand } from "./engines.ts";
import { interleaved, type Sample } from "./measure.ts";
import type { Table } from "./table.ts";

const image = "bench-busybox";
const network = "bench-net";
const other = "bench-other";
const keeper = "bench-connected";
/** Below the ports that the kernel gives to clients, and far from those of the tests' daemons. */
const firstPort = 31_500;
const ports = 500;

export async function networks(all: readonly Engine[]): Promise<Table> {
  const rows: Table["rows"][number][] = [];
  const add = async (name: string, runs: number, action: (engine: Engine) => unknown): Promise<Values> => {
    const actions = all.map((engine) => [engine.name, async () => void (await action(engine))] as const);
    const values = medians(await interleaved(Object.fromEntries(actions), runs));
    rows.push({ name, values });
    return values;
  };
  const run = (engine: Engine, ...flags: string[]) => timedCommand(engine, "run", "--rm", ...flags, image, "true");

  for (const engine of all) {
    await command(engine, "network", "create", network);
    await command(engine, "network", "create", other);
    await command(engine, "run", "-d", "--name", keeper, "--network", network, image, "sleep", "3600");
  }
  const without = await add("run --rm --network none", 20, (engine) => run(engine, "--network", "none"));
  const bridged = await add("run --rm", 20, (engine) => run(engine));
  rows.push({ name: "networking adds to run", values: difference(bridged, without) });
  const named = await add("run --rm --network N", 20, (engine) => run(engine, "--network", network));
  rows.push({ name: "a network of one's own adds to run", values: difference(named, without) });
  await add("run --rm -p 1 port", 10, (engine) => run(engine, "-p", `${firstPort}:80`));
  await add(`run --rm -p ${ports} ports`, 5, (engine) => {
    const last = ports - 1;
    run(engine, "-p", `${firstPort}-${firstPort + last}:1000-${1000 + last}`);
  });
  await add("network connect and disconnect", 20, (engine) => {
    timedCommand(engine, "network", "connect", other, keeper);
    timedCommand(engine, "network", "disconnect", other, keeper);
  });
  await add("network create and rm", 20, (engine) => {
    timedCommand(engine, "network", "create", "bench-made");
    timedCommand(engine, "network", "rm", "bench-made");
  });
  for (const engine of all) {
    await removeNow(engine, keeper);
    await command(engine, "network", "rm", network, other);
  }
  return { title: "Networks", unit: "ms, median", rows };
}

type Values = Readonly<Record<string, number>>;

const medians = (samples: Readonly<Record<string, Sample>>): Values =>
  Object.fromEntries(Object.entries(samples).map(([name, { median }]) => [name, median]));

const difference = (more: Values, less: Values): Values =>
  Object.fromEntries(Object.entries(more).map(([name, value]) => [name, value - (less[name] ?? 0)]));
