/** How much a container's network carries, by iperf3 (`apt-get install iperf3`) in the containers' namespaces. */
import { run, succeed, until } from "../test/harness/command.ts";
import { command, type Engine, removeNow } from "./engines.ts";
import { summary } from "./measure.ts";
import type { Table } from "./table.ts";

const network = "bench-throughput";
const port = 31_490;
const rounds = 3;
const seconds = 3;

export async function throughput(all: readonly Engine[]): Promise<Table> {
  const cases: Readonly<Record<string, (pair: Pair) => Promise<number>>> = {
    "container to container": ({ from, to, address }) => carried(from, to, ["-c", address]),
    "container to container, 4 streams": ({ from, to, address }) => carried(from, to, ["-c", address, "-P", "4"]),
    "host to published port": ({ to, host }) => carried(null, to, ["-c", host, "-p", String(port)]),
    "host to published port of 127.0.0.1": ({ to }) => carried(null, to, ["-c", "127.0.0.1", "-p", String(port)]),
    "container to published port of the host": ({ from, to, host }) =>
      carried(from, to, ["-c", host, "-p", String(port)]),
  };
  const rows = Object.keys(cases).map((name) => ({ name, taken: {} as Record<string, number[]> }));
  for (let round = 0; round < rounds; round++) {
    for (const engine of all) {
      const pair = await makePair(engine);
      for (const { name, taken } of rows) {
        const gigabits = (await cases[name]?.(pair)) ?? Number.NaN;
        taken[engine.name] = [...(taken[engine.name] ?? []), gigabits];
      }
      await removeNow(engine, "bench-from", "bench-to");
      await command(engine, "network", "rm", network);
    }
  }
  return {
    title: "Throughput",
    unit: `Gbit/s, median of ${rounds}`,
    rows: rows.map(({ name, taken }) => ({
      name,
      values: Object.fromEntries(Object.entries(taken).map(([engine, all]) => [engine, summary(all).median])),
    })),
  };
}

/** Two containers on one network, the second with a published port: pids, its address, and an address of this host. */
interface Pair {
  readonly from: string;
  readonly to: string;
  readonly address: string;
  readonly host: string;
}

async function makePair(engine: Engine): Promise<Pair> {
  await command(engine, "network", "create", network);
  const start = (name: string, ...flags: string[]) =>
    command(engine, "run", "-d", "--name", name, "--network", network, ...flags, "bench-busybox", "sleep", "600");
  await start("bench-from");
  await start("bench-to", "-p", `${port}:5201`);
  const pidOf = async (name: string) => (await command(engine, "inspect", "-f", "{{.State.Pid}}", name)).trim();
  const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
  const [host = ""] = /(?<=src )\S+/.exec(await succeed(["ip", "-4", "route", "get", "192.0.2.1"])) ?? [];
  return {
    from: await pidOf("bench-from"),
    to: await pidOf("bench-to"),
    address: (await command(engine, "inspect", "-f", format, "bench-to")).trim(),
    host,
  };
}

const inside = (pid: string | null): string[] => (pid === null ? [] : ["nsenter", "-t", pid, "-n"]);

/** Gbit/s that arrive at a server in the namespace of `to` from a client in that of `from`, null being the host's. */
async function carried(from: string | null, to: string, client: readonly string[]): Promise<number> {
  await using server = Bun.spawn([...inside(to), "iperf3", "-s", "-1"], { stdout: "ignore", stderr: "ignore" });
  await until("the server", async () => (await run([...inside(to), "ss", "-Hltn", "sport = 5201"])).stdout !== "");
  const answer = await succeed([...inside(from), "iperf3", "-J", "-t", String(seconds), ...client]);
  await server.exited;
  const { end } = JSON.parse(answer) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}
