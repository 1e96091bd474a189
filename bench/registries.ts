/** `dhow registry serve` beside Debian's docker-registry, under sixteen clients that push and pull at once. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { startDockerRegistry } from "../test/e2e/registry-server.ts";
import { startOwnRegistry } from "../test/harness/own-registry.ts";
import { pssKb } from "./measure.ts";
import { imagesOf, pullAll, pushAll } from "./registry-client.ts";
import type { Table } from "./table.ts";

const clients = 16;
const rounds = 5;

export async function registries(): Promise<Table> {
  const figures = Object.fromEntries(["dhow", "docker-registry"].map((name) => [name, new Figures()]));
  await using own = await startOwnRegistry();
  await using debian = await startDockerRegistry();
  const servers = { dhow: own.host, "docker-registry": debian.host };
  for (let round = 0; round < rounds; round++) {
    for (const [name, host] of Object.entries(servers)) {
      const images = imagesOf(`round-${round}`, clients);
      figures[name]?.pushes.push(await megabytesASecond(() => pushAll(host, images)));
      figures[name]?.pulls.push(await megabytesASecond(() => pullAll(host, images)));
      figures[name]?.memory.push((await pssKb([listenerOf(host)])) / 1024);
    }
  }
  const each = (value: (of: Figures) => number | undefined) =>
    Object.fromEntries(Object.entries(figures).map(([name, of]) => [name, value(of)]));
  return {
    title: `Registries under ${clients} clients`,
    unit: `MB/s, median of ${rounds}; MiB of PSS`,
    rows: [
      { name: "pushes", values: each(({ pushes }) => median(pushes)) },
      { name: "pulls", values: each(({ pulls }) => median(pulls)) },
      { name: "memory after the first round", values: each(({ memory }) => memory[0]) },
      { name: "memory after the last", values: each(({ memory }) => memory.at(-1)) },
    ],
  };
}

class Figures {
  readonly pushes: number[] = [];
  readonly pulls: number[] = [];
  readonly memory: number[] = [];
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;

async function megabytesASecond(work: () => Promise<number>): Promise<number> {
  const from = performance.now();
  return (await work()) / 1e3 / (performance.now() - from);
}

/** The process that listens there. */
function listenerOf(host: string): number {
  const port = Number(host.split(":")[1]).toString(16).toUpperCase().padStart(4, "0");
  const inode = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, local, , state]) => local?.endsWith(`:${port}`) && state === "0A")?.[9];
  const holds = (pid: string): boolean => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`);
    } catch {
      return false;
    }
  };
  return Number(readdirSync("/proc").find((pid) => /^\d+$/.test(pid) && holds(pid)));
}
