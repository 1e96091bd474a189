/** How long the everyday commands take from the shell, median of interleaved runs. */
import { command, type Engine, removeNow, timedCommand } from "./engines.ts";
import { interleaved } from "./measure.ts";
import type { Table } from "./table.ts";

const image = "bench-busybox";

export async function commands(engines: readonly Engine[]): Promise<Table> {
  const rows: Table["rows"][number][] = [];
  const add = async (name: string, runs: number, action: (engine: Engine) => unknown) => {
    const actions = Object.fromEntries(
      engines.map((engine) => [engine.name, async () => void (await action(engine))] as const),
    );
    const samples = await interleaved(actions, runs);
    rows.push({
      name,
      values: Object.fromEntries(Object.entries(samples).map(([key, sample]) => [key, sample.median])),
    });
  };
  await add("run --rm busybox true", 20, (engine) => timedCommand(engine, "run", "--rm", image, "true"));
  await add("run --rm --network none", 10, (engine) =>
    timedCommand(engine, "run", "--rm", "--network", "none", image, "true"),
  );
  await add("run -d", 10, async (engine) => {
    timedCommand(engine, "run", "-d", "--name", "bench-d", image, "sleep", "60");
    await removeNow(engine, "bench-d");
  });
  for (const engine of engines) await command(engine, "run", "-d", "--name", "bench-exec", image, "sleep", "600");
  await add("exec c true", 20, (engine) => timedCommand(engine, "exec", "bench-exec", "true"));
  await add("ps", 20, (engine) => timedCommand(engine, "ps"));
  await add("inspect c", 20, (engine) => timedCommand(engine, "inspect", "bench-exec"));
  await add("logs c", 10, (engine) => timedCommand(engine, "logs", "bench-exec"));
  for (const engine of engines) await removeNow(engine, "bench-exec");
  return { title: "Commands", unit: "ms, median", rows };
}
