/** What a soak must leave as it was: descriptors and memory of the engine's processes, and an event loop that answers. */
import { fileURLToPath } from "node:url";
import { until } from "../../test/harness/command.ts";
import type { TestDaemon } from "../../test/harness/daemon.ts";
import { descriptors, enginePids, memoryMib } from "../../test/harness/processes.ts";

const lagLimitMs = 100;
/** What the collector of a process that has been busy may not have given back yet. */
const growthMib = 32;
const moreDescriptors = 2;

/** Runs `work`, prints what the engine held before, at the height of it and after, and returns the limits that were broken. */
export async function steady(daemon: TestDaemon, work: () => Promise<void>): Promise<string[]> {
  const broken: string[] = [];
  const look = async (label: string) => {
    const fds = descriptors(enginePids(daemon));
    const memory = await memoryMib(daemon);
    console.log(`${label}: ${memory.toFixed(1)} MiB PSS, fds ${fds.join("+")}`);
    return { fds, memory };
  };
  const before = await look("before");
  const script = fileURLToPath(new URL("lag.ts", import.meta.url));
  const lag = Bun.spawn([process.execPath, script, daemon.socket], { stdio: ["pipe", "pipe", "inherit"] });
  const watch = setInterval(() => void look("meanwhile"), 10_000);
  try {
    await work();
  } finally {
    clearInterval(watch);
    await lag.stdin.end();
  }
  const { count, p50, p99, max } = JSON.parse(await new Response(lag.stdout).text()) as Record<string, number>;
  console.log(
    `_ping, ${count} times: p50 ${p50?.toFixed(1)} ms, p99 ${p99?.toFixed(1)} ms, longest ${max?.toFixed(1)} ms`,
  );
  if (!(Number(p99) < lagLimitMs))
    broken.push(`the 99th percentile of the event loop's lag is ${p99} ms, over ${lagLimitMs}`);
  const grown = () =>
    descriptors(enginePids(daemon)).some((now, index) => now > (before.fds[index] ?? 0) + moreDescriptors);
  await until("the descriptors to be given back", () => !grown(), 15_000).catch((error) => broken.push(String(error)));
  await until(
    `memory of at most ${(before.memory + growthMib).toFixed(0)} MiB`,
    async () => (await memoryMib(daemon)) <= before.memory + growthMib,
    60_000,
  ).catch((error) => broken.push(String(error)));
  await look("after");
  return broken;
}
