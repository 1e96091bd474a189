/**
 * npm run soak [-- KIND AMOUNT]: what is too long for npm test. Each kind fails on its limits.
 *
 * - `churn MINUTES` (default, 10) starts, execs, reads logs of, stops and removes containers without pause;
 * - `thousand COUNT` (1,000) runs that many containers at once and holds `ps`, exec, starts, a restart and `rm -f` to their limits;
 * - `walk CALLS` (10,000) holds random concurrent calls against a model of the state machine, replayed by DHOW_WALK_SEED;
 * - `attach CYCLES` (10,000), `storm SECONDS` (60) of restarts by policy and `flood SECONDS` (60) of log lines into slow readers hold
 *   descriptors, memory and the event loop's lag;
 * - `networks MINUTES` (10) connects, disconnects, creates and removes with 200 networks and 200 endpoints at once;
 * - `registry MINUTES` (20) pushes to, pulls from and deletes in a registry that collects its garbage all the time;
 * - `compose MINUTES` (60) loads Compose files of chance and goes on from those whose outcome is new, replayed by DHOW_SEED;
 * - `kills ROUNDS` (3) runs the tests that kill the engine's processes at every fail point, so often each.
 */

import { TestDaemon } from "../../test/harness/daemon.ts";
import { busyboxTar } from "../../test/harness/images.ts";
import { expectLedger, settledLedger } from "../../test/harness/ledger.ts";
import { descriptors, enginePids, memoryMib } from "../../test/harness/processes.ts";
import { walk, walkSeed } from "../../test/harness/walk/walk.ts";
import { attach } from "./attach.ts";
import { composeFiles } from "./compose-files.ts";
import { flood } from "./flood.ts";
import { kills } from "./kills.ts";
import { networkPool, networks } from "./networks.ts";
import { registry } from "./registry.ts";
import { steady } from "./steady.ts";
import { storm } from "./storm.ts";
import { thousand } from "./thousand.ts";

const [kind = "churn", amount] = process.argv.slice(2);
const kinds: Readonly<Record<string, (daemon: TestDaemon) => Promise<string[]>>> = {
  churn: () => churn(Number(amount ?? 10)),
  thousand: (daemon) => thousand(daemon, Number(amount ?? 1000), sample),
  walk: () => randomWalk(Number(amount ?? 10_000)),
  attach: (daemon) => steady(daemon, () => attach(daemon, Number(amount ?? 10_000))),
  storm: (daemon) => steady(daemon, () => storm(daemon, Number(amount ?? 60))),
  flood: (daemon) => steady(daemon, () => flood(daemon, Number(amount ?? 60))),
  networks: (daemon) => networks(daemon, Number(amount ?? 10), sample),
  registry: () => registry(Number(amount ?? 20)),
  compose: () => composeFiles(Number(amount ?? 60)),
  kills: () => kills(Number(amount ?? 3)),
};
const soak = kinds[kind];
if (!soak) throw new Error(`no soak "${kind}"; there are: ${Object.keys(kinds).join(", ")}`);
const flags: Readonly<Record<string, readonly string[]>> = {
  thousand: ["--bip=10.213.0.1/20"],
  networks: [networkPool],
};
// Where `/run` is a memory file system, as nearly everywhere, the exec root is in one: here it is too, whatever this machine's `/run` is.
const runDirectory = kind === "thousand" ? { runDirectory: "/dev/shm" } : {};
await using daemon = await TestDaemon.start({ flags: flags[kind] ?? [], ...runDirectory });
await daemon.docker("import", await busyboxTar(), "busybox");
await daemon.dhow("run", "--rm", "busybox", "true");
const broken = await soak(daemon);
for (const line of broken) console.log(`FAILED ${line}`);
if (broken.length > 0) process.exitCode = 1;

async function sample(label: string): Promise<void> {
  const pids = enginePids(daemon);
  const memory = await memoryMib(daemon);
  console.log(`${label}: ${memory.toFixed(1)} MiB PSS in ${pids.length} processes, fds ${descriptors(pids).join("+")}`);
}

async function churn(minutes: number): Promise<string[]> {
  const before = await settledLedger(daemon);
  const end = Date.now() + minutes * 60_000;
  let rounds = 0;
  let failures = 0;
  const worker = async (index: number): Promise<void> => {
    while (Date.now() < end) {
      const name = `soak-${index}-${rounds++}`;
      const started = await daemon.dhow(
        "run",
        "-d",
        "--name",
        name,
        "-p",
        "127.0.0.1::80",
        "busybox",
        "sh",
        "-c",
        "echo up; sleep 30",
      );
      const exec = await daemon.docker("exec", name, "echo", "inside");
      const logs = await daemon.dhow("logs", name);
      const removed = await daemon.docker("rm", "-f", name);
      if (started.code || exec.stdout !== "inside\n" || logs.stdout !== "up\n" || removed.code) failures++;
    }
  };
  const watch = setInterval(() => void sample(`${rounds} rounds`), 60_000);
  await sample("start");
  await Promise.all([worker(0), worker(1)]);
  clearInterval(watch);
  await sample(`end, ${rounds} rounds`);
  await expectLedger(daemon, before);
  console.log(`\n${rounds - failures} passed, ${failures} failed`);
  return failures > 0 ? [`${failures} rounds of ${rounds}`] : [];
}

async function randomWalk(calls: number): Promise<string[]> {
  const before = await settledLedger(daemon);
  const seed = walkSeed();
  console.log(`DHOW_WALK_SEED=${seed}`);
  const from = performance.now();
  const { contradictions, exact, calls: made } = await walk(daemon, { seed, calls, walkers: 4 });
  console.log(
    `${made} calls in ${((performance.now() - from) / 1000).toFixed(0)} s, ${exact} with one possible answer`,
  );
  for (const contradiction of contradictions.slice(0, 10)) console.log(contradiction);
  await expectLedger(daemon, before);
  console.log(`\n${made - contradictions.length} passed, ${contradictions.length} failed`);
  return contradictions.length > 0 ? [`${contradictions.length} calls of ${made}`] : [];
}
