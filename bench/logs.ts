/** How fast a container's output is written into its log, and read back: megabytes of output a second. */
import { command, type Engine, removeNow, timedCommand } from "./engines.ts";
import type { Table } from "./table.ts";

const image = "bench-busybox";
const megabytes = 30;

interface Shape {
  readonly name: string;
  readonly lineBytes: number;
  readonly options: readonly string[];
}

const shapes: readonly Shape[] = [
  { name: "lines of 100 bytes, default log", lineBytes: 100, options: [] },
  { name: "lines of 1000 bytes, default log", lineBytes: 1000, options: [] },
  {
    name: "lines of 100 bytes, 5 files of 5 MB, packed",
    lineBytes: 100,
    options: ["max-size=5m", "max-file=5", "compress=true"],
  },
];

const runs = 3;

export async function logs(engines: readonly Engine[]): Promise<Table> {
  const rows: Table["rows"][number][] = [];
  for (const shape of shapes) {
    const written: Record<string, number> = {};
    const read: Record<string, number> = {};
    for (let i = 0; i < runs; i++) {
      for (const engine of engines) {
        const once = await writeAndRead(engine, shape);
        written[engine.name] = Math.max(written[engine.name] ?? 0, once.written);
        read[engine.name] = Math.max(read[engine.name] ?? 0, once.read);
      }
    }
    rows.push({ name: `write, ${shape.name}`, values: written }, { name: `read, ${shape.name}`, values: read });
  }
  return { title: "Logs", unit: `MB of output a second, best of ${runs}`, rows };
}

/** The container itself says how long it was held up by its log. */
async function writeAndRead(engine: Engine, shape: Shape): Promise<{ written: number; read: number }> {
  const { lineBytes, options } = shape;
  const lines = Math.floor((megabytes * 1e6) / lineBytes);
  const script = `from=$(cut -d' ' -f1 /proc/uptime); yes ${"x".repeat(lineBytes - 1)} | head -n ${lines}; to=$(cut -d' ' -f1 /proc/uptime); echo took $from $to`;
  const flags = options.flatMap((option) => ["--log-opt", option]);
  const driver = ["--network", "none", "--log-driver", "json-file"];
  await command(engine, "run", "-d", "--name", "bench-log", ...driver, ...flags, image, "sh", "-c", script);
  await command(engine, "wait", "bench-log");
  const [, from = 0, to = 0] = (await command(engine, "logs", "--tail", "1", "bench-log")).split(" ").map(Number);
  const began = performance.now();
  timedCommand(engine, "logs", "bench-log");
  const seconds = (performance.now() - began) / 1000;
  // What rotation has taken away is not read.
  const kept = (await command(engine, "logs", "bench-log")).length / 1e6;
  await removeNow(engine, "bench-log");
  return { written: megabytes / Math.max(to - from, 0.01), read: kept / seconds };
}
