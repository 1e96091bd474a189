/**
 * npm run bench [-- NAME...]: dhow beside the reference dockerd and podman, in one run on one machine. Prints tables in
 * Markdown and keeps the numbers in bench/results/latest.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { TestDaemon } from "../test/harness/daemon.ts";
import { engines } from "./engines.ts";
import { printTable, type Table } from "./table.ts";

const benches: Record<
  string,
  () => Promise<(list: Awaited<ReturnType<typeof engines>>, daemon: TestDaemon) => Promise<Table>>
> = {
  commands: async () => (await import("./commands.ts")).commands,
  memory: async () => (await import("./memory.ts")).memory,
  images: async () => (await import("./images.ts")).images,
  "transfer-memory": async () => (await import("./transfer-memory.ts")).transferMemory,
  registries: async () => (await import("./registries.ts")).registries,
  builds: async () => (await import("./builds.ts")).builds,
  compose: async () => (await import("./compose.ts")).compose,
  history: async () => (await import("./history.ts")).history,
  stats: async () => (await import("./stats.ts")).stats,
  concurrent: async () => (await import("./concurrent.ts")).concurrent,
  many: async () => (await import("./many.ts")).many,
  "exec-rate": async () => (await import("./exec-rate.ts")).execRate,
  restart: async () => (await import("./restart.ts")).restart,
  logs: async () => (await import("./logs.ts")).logs,
  networks: async () => (await import("./networks.ts")).networks,
  throughput: async () => (await import("./throughput.ts")).throughput,
  dns: async () => (await import("./dns.ts")).dns,
};

const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : Object.keys(benches);
await using daemon = await TestDaemon.start();
const list = await engines(daemon);
console.log(`\n${list.map((engine) => `${engine.name} ${engine.version}`).join(", ")}\n`);
const tables: Table[] = [];
for (const name of names) {
  const load = benches[name];
  if (!load) throw new Error(`no bench "${name}"; there are: ${Object.keys(benches).join(", ")}`);
  const table = await (await load())(list, daemon);
  tables.push(table);
  printTable(table);
}
const results = fileURLToPath(new URL("results/", import.meta.url));
mkdirSync(results, { recursive: true });
const engineVersions = Object.fromEntries(list.map((engine) => [engine.name, engine.version]));
writeFileSync(
  `${results}latest.json`,
  `${JSON.stringify({ at: new Date().toISOString(), engineVersions, tables }, null, 2)}\n`,
);
