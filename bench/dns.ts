/** The name service of a user-defined network, asked from inside a container: one question at a time, then sixteen. */
import { fileURLToPath } from "node:url";
import { succeed } from "../test/harness/command.ts";
import { command, type Engine, removeNow } from "./engines.ts";
import type { Table } from "./table.ts";

const network = "bench-dns";
const client = fileURLToPath(new URL("dns-client.ts", import.meta.url));

interface Answered {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export async function dns(all: readonly Engine[]): Promise<Table> {
  const rows = [
    "one at a time: answers/s",
    "one at a time: p99, us",
    "16 under way: answers/s",
    "16 under way: p99, us",
  ].map((name) => ({ name, values: {} as Record<string, number> }));
  const [rate, late, manyRate, manyLate] = rows;
  for (const engine of all) {
    // podman's name server listens on the gateway's address.
    if (engine.name === "podman") continue;
    await command(engine, "network", "create", network);
    for (const name of ["bench-a", "bench-b"]) {
      await command(engine, "run", "-d", "--name", name, "--network", network, "bench-busybox", "sleep", "600");
    }
    const pid = await command(engine, "inspect", "-f", "{{.State.Pid}}", "bench-a");
    const ask = async (window: number): Promise<Answered> => {
      const asking = [process.execPath, client, "bench-b", "3", String(window)];
      return JSON.parse(await succeed(["nsenter", "-t", pid, "-n", ...asking])) as Answered;
    };
    const [one, many] = [await ask(1), await ask(16)];
    if (rate) rate.values[engine.name] = one.perSecond;
    if (late) late.values[engine.name] = one.p99 * 1000;
    if (manyRate) manyRate.values[engine.name] = many.perSecond;
    if (manyLate) manyLate.values[engine.name] = many.p99 * 1000;
    await removeNow(engine, "bench-a", "bench-b");
    await command(engine, "network", "rm", network);
  }
  return { title: "Name service", unit: "answers a second; microseconds", rows };
}
