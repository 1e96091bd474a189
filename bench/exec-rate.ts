/** How many execs a second the API carries on one container: each is created, started, read to its end and inspected. */
import { answer, makeContainers, removeContainers, withSocket } from "./api.ts";
import type { Engine } from "./engines.ts";
import { summary } from "./measure.ts";
import type { Table } from "./table.ts";

const secondsEach = 3;
const rounds = 3;
const config = { Cmd: ["echo", "done"], AttachStdout: true, AttachStderr: true };

export async function execRate(all: readonly Engine[]): Promise<Table> {
  const engines = withSocket(all);
  const containers = new Map<Engine, string>();
  for (const engine of engines) containers.set(engine, (await makeContainers(engine, 1))[0] ?? "");
  const rows: Table["rows"][number][] = [];
  for (const [name, lanes] of [
    ["one after the other", 1],
    ["8 at a time", 8],
  ] as const) {
    const rates: Record<string, number[]> = {};
    for (let round = 0; round < rounds; round++) {
      for (const engine of engines) {
        await Bun.sleep(500);
        rates[engine.name] = [...(rates[engine.name] ?? []), await rate(engine, containers.get(engine) ?? "", lanes)];
      }
    }
    const medians = Object.entries(rates).map(([engine, list]) => [engine, summary(list).median] as const);
    rows.push({ name: `execs, ${name}`, values: Object.fromEntries(medians) });
  }
  for (const engine of engines) await removeContainers(engine, [containers.get(engine) ?? ""]);
  return { title: "Execs over the API", unit: `a second, median of ${rounds}`, rows };
}

async function rate(engine: Engine, container: string, lanes: number): Promise<number> {
  let done = 0;
  const from = performance.now();
  const until = from + secondsEach * 1000;
  const lane = async () => {
    while (performance.now() < until) {
      await execOnce(engine, container);
      done++;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return (done * 1000) / (performance.now() - from);
}

async function execOnce(engine: Engine, container: string): Promise<void> {
  const { Id } = await answer<{ Id: string }>(engine, "POST", `/containers/${container}/exec`, config);
  const output = await answer<string>(engine, "POST", `/exec/${Id}/start`, { Detach: false, Tty: false });
  const { ExitCode } = await answer<{ ExitCode: number | null }>(engine, "GET", `/exec/${Id}/json`);
  if (ExitCode !== 0 || !output.endsWith("done\n")) throw new Error(`${engine.name}: exec -> ${ExitCode} ${output}`);
}
