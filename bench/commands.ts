/** How long the everyday commands take from the shell: in a row, and each after a rest. */
import { command, type Engine, removeNow, timedCommand } from "./engines.ts";
import { interleaved, rested } from "./measure.ts";
import type { Table } from "./table.ts";

const image = "bench-busybox";

export async function commands(engines: readonly Engine[]): Promise<Table> {
  const rows: Table["rows"][number][] = [];
  const add = async (name: string, runs: number, action: (engine: Engine) => unknown, take = interleaved) => {
    const actions = Object.fromEntries(
      engines.map((engine) => [engine.name, async () => void (await action(engine))] as const),
    );
    const samples = await take(actions, runs);
    rows.push({
      name,
      values: Object.fromEntries(Object.entries(samples).map(([key, sample]) => [key, sample.median])),
    });
  };
  const runTrue = (engine: Engine) => timedCommand(engine, "run", "--rm", image, "true");
  await add("run --rm busybox true", 20, runTrue);
  await add("run --rm busybox true, after a rest", 20, runTrue, rested);
  await add("run --rm --network none", 10, (engine) =>
    timedCommand(engine, "run", "--rm", "--network", "none", image, "true"),
  );
  await add("run -d", 10, async (engine) => {
    timedCommand(engine, "run", "-d", "--name", "bench-d", image, "sleep", "60");
    await removeNow(engine, "bench-d");
  });
  for (const engine of engines) await command(engine, "run", "-d", "--name", "bench-exec", image, "sleep", "600");
  const execTrue = (engine: Engine) => timedCommand(engine, "exec", "bench-exec", "true");
  await add("exec c true", 20, execTrue);
  await add("exec c true, after a rest", 20, execTrue, rested);
  await add("ps", 20, (engine) => timedCommand(engine, "ps"));
  await add("ps, after a rest", 20, (engine) => timedCommand(engine, "ps"), rested);
  await add("inspect c", 20, (engine) => timedCommand(engine, "inspect", "bench-exec"));
  await add("logs c", 10, (engine) => timedCommand(engine, "logs", "bench-exec"));
  for (const engine of engines) await removeNow(engine, "bench-exec");
  return { title: "Commands", unit: "ms, median", rows };
}
