/** What it costs to look at resource use: `stats --no-stream` of many containers, and the engine's CPU while it streams. */
import { answer, makeContainers, removeContainers, request, withSocket } from "./api.ts";
import { cpuMs } from "./cpu.ts";
import { type Engine, timedCommand } from "./engines.ts";
import { interleaved } from "./measure.ts";
import type { Table } from "./table.ts";

const looked = 50;
const streamed = 20;
const streamSeconds = 10;

export async function stats(all: readonly Engine[]): Promise<Table> {
  const engines = withSocket(all);
  const ids = new Map<Engine, string[]>();
  for (const engine of engines) ids.set(engine, await makeContainers(engine, looked));
  const idsOf = (engine: Engine) => ids.get(engine) ?? [];
  const medians = async (runs: number, action: (engine: Engine) => unknown) => {
    const actions = engines.map((engine) => [engine.name, async () => void (await action(engine))] as const);
    const samples = await interleaved(Object.fromEntries(actions), runs);
    return Object.fromEntries(Object.entries(samples).map(([name, { median }]) => [name, median]));
  };
  const command = await medians(5, (engine) => timedCommand(engine, "stats", "--no-stream"));
  const oneShot = await medians(10, (engine) =>
    Promise.all(idsOf(engine).map((id) => answer(engine, "GET", `/containers/${id}/stats?stream=0&one-shot=1`))),
  );
  const streaming: Record<string, number> = {};
  for (const engine of engines)
    streaming[engine.name] = await cpuWhileStreaming(engine, idsOf(engine).slice(0, streamed));
  for (const engine of engines) await removeContainers(engine, idsOf(engine));
  return {
    title: "Stats",
    unit: "ms, median; CPU of the engine in ms a second",
    rows: [
      { name: `stats --no-stream of ${looked} containers`, values: command },
      { name: `API: one-shot stats of ${looked} containers at once`, values: oneShot },
      { name: `CPU while the stats of ${streamed} containers stream`, values: streaming },
    ],
  };
}

async function cpuWhileStreaming(engine: Engine, ids: readonly string[]): Promise<number> {
  const answers = await Promise.all(ids.map((id) => request(engine, "GET", `/containers/${id}/stats`)));
  const readers = answers.map(({ body }) => body?.getReader());
  let bytes = 0;
  for (const reader of readers) void drain(reader, (size) => (bytes += size));
  await Bun.sleep(3000);
  const [before, from] = [await cpuMs(engine), performance.now()];
  await Bun.sleep(streamSeconds * 1000);
  const used = (await cpuMs(engine)) - before;
  const seconds = (performance.now() - from) / 1000;
  for (const reader of readers) await reader?.cancel();
  if (bytes < ids.length * streamSeconds * 500) throw new Error(`${engine.name} streamed only ${bytes} bytes`);
  return used / seconds;
}

async function drain(
  reader: { read(): Promise<{ done: boolean; value?: Uint8Array }> } | undefined,
  got: (size: number) => void,
) {
  for (;;) {
    const part = await reader?.read().catch(() => undefined);
    if (!part || part.done) return;
    got(part.value?.length ?? 0);
  }
}
