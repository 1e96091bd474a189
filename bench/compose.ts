/** `compose up -d` and `down` of twelve services, beside docker's plugin on dockerd; podman has no Compose of its own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { succeed } from "../test/harness/command.ts";
import type { Engine } from "./engines.ts";
import { summary } from "./measure.ts";
import { withPlugins } from "./stock-plugins.ts";
import type { Table } from "./table.ts";

/** docker's compose plugin; without one only dhow is measured. */
const plugin = process.env.DHOW_BENCH_COMPOSE;
const runs = 5;
const services = 12;
const timeoutMs = 300_000;

/** Three tiers of four: each service waits for the one of its number in the tier below, and one has a volume. */
function project(greeting: string): string {
  const lines = ["name: bench-compose", "services:"];
  for (let i = 0; i < services; i++) {
    lines.push(`  s${i}:`, "    image: bench-busybox", "    command: [sleep, '600']", "    stop_signal: SIGKILL");
    lines.push("    environment:", `      GREETING: ${i === services - 1 ? greeting : "hello"}`);
    lines.push("    networks: [front, back]");
    if (i >= 4) lines.push(`    depends_on: [s${i - 4}]`);
    if (i % 4 === 0) lines.push(`    volumes: ["data${i}:/data"]`);
  }
  lines.push("networks:", "  front: {}", "  back: {}", "volumes:");
  for (let i = 0; i < services; i += 4) lines.push(`  data${i}: {}`);
  return `${lines.join("\n")}\n`;
}

export async function compose(engines: readonly Engine[]): Promise<Table> {
  if (!plugin) console.log("no compose plugin (DHOW_BENCH_COMPOSE): dockerd's column is missing");
  const measured = engines.flatMap((engine) => {
    if (engine.name === "dockerd") return plugin ? [withPlugins(engine, { compose: plugin })] : [];
    return engine.name === "podman" ? [] : [engine];
  });
  const directory = mkdtempSync(join(tmpdir(), "dhow-bench-compose-"));
  const file = join(directory, "compose.yaml");
  const times = new Map<string, Record<string, number[]>>();
  const timed = async (name: string, engine: Engine, ...words: string[]): Promise<void> => {
    const from = performance.now();
    await succeed([...engine.command, "compose", "-f", file, ...words], { env: engine.env, timeoutMs });
    const row = times.get(name) ?? {};
    times.set(name, row);
    row[engine.name] = [...(row[engine.name] ?? []), performance.now() - from];
  };
  try {
    for (let run = 0; run < runs; run++) {
      for (const engine of measured) {
        writeFileSync(file, project("hello"));
        await timed("up -d of 12 services", engine, "up", "-d");
        await timed("up -d with nothing to change", engine, "up", "-d");
        await timed("ps", engine, "ps");
        writeFileSync(file, project(`hello ${run}`));
        await timed("up -d with one service changed", engine, "up", "-d");
        await timed("down -v", engine, "down", "-v");
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  const rows = [...times].map(([name, row]) => ({
    name,
    values: Object.fromEntries(Object.entries(row).map(([engine, list]) => [engine, summary(list).median])),
  }));
  return { title: "Compose", unit: `ms, median of ${runs}`, rows };
}
