/**
 * How long clients wait while the engine is restarted beneath 50 running containers: from SIGTERM to a ping with all of them
 * listed as running. dockerd keeps containers over a restart with `--live-restore` only, so it is one of the bench's own.
 */
import { existsSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { TestDaemon } from "../test/harness/daemon.ts";
import { busyboxTar } from "../test/harness/images.ts";
import { answer, makeContainers, removeContainers } from "./api.ts";
import { type Engine, importImage } from "./engines.ts";
import { summary } from "./measure.ts";
import type { Table } from "./table.ts";

const containers = 50;
const rounds = 5;

/** A command that starts a dockerd with the flags that follow it, and a folder that it and this process see at one path. */
const dockerdCommand = process.env.DHOW_BENCH_DOCKERD_START?.split(" ");
const dockerdFolder = process.env.DHOW_BENCH_DOCKERD_FOLDER ?? "/tmp/dhow-bench-dockerd";

/** An engine that the bench itself stops and starts. */
interface Restartable extends AsyncDisposable {
  readonly engine: Engine;
  stop(): Promise<unknown>;
  start(): Promise<void>;
}

export async function restart(all: readonly [Engine, ...Engine[]], daemon: TestDaemon): Promise<Table> {
  await using stack = new AsyncDisposableStack();
  const list: Restartable[] = [ours(all[0], daemon)];
  if (dockerdCommand) list.push(stack.use(await LiveDockerd.start(dockerdCommand)));
  else console.log("DHOW_BENCH_DOCKERD_START is not set: the restart of a dockerd is not measured");
  const stopping: Record<string, number> = {};
  const starting: Record<string, number> = {};
  const together: Record<string, number> = {};
  for (const one of list) {
    const { name } = one.engine;
    const ids = await makeContainers(one.engine, containers);
    const times = await restarts(one);
    stopping[name] = summary(times.map(({ stop }) => stop)).median;
    starting[name] = summary(times.map(({ start }) => start)).median;
    together[name] = summary(times.map(({ stop, start }) => stop + start)).median;
    await removeContainers(one.engine, ids);
  }
  return {
    title: `Restart of the daemon with ${containers} running containers`,
    unit: `ms, median of ${rounds}`,
    rows: [
      { name: "SIGTERM until it has ended", values: stopping },
      { name: "start until all are listed as running", values: starting },
      { name: "together", values: together },
    ],
  };
}

async function restarts(one: Restartable): Promise<{ stop: number; start: number }[]> {
  const times: { stop: number; start: number }[] = [];
  for (let i = 0; i < rounds; i++) {
    await Bun.sleep(1000);
    const from = performance.now();
    await one.stop();
    const ended = performance.now();
    await one.start();
    const running = await answer<unknown[]>(one.engine, "GET", '/containers/json?filters={"status":["running"]}');
    times.push({ stop: ended - from, start: performance.now() - ended });
    if (running.length !== containers) throw new Error(`${one.engine.name} lists ${running.length} running containers`);
  }
  return times;
}

function ours(engine: Engine, daemon: TestDaemon): Restartable {
  return {
    engine,
    stop: () => daemon.terminate(),
    start: () => daemon.start(),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A dockerd of the bench's own, its roots and socket in {@link dockerdFolder}. */
class LiveDockerd implements Restartable {
  #child: Bun.Subprocess | undefined;

  private constructor(
    readonly engine: Engine,
    readonly command: readonly string[],
  ) {}

  static async start(command: readonly string[]): Promise<LiveDockerd> {
    mkdirSync(dockerdFolder, { recursive: true });
    const env = { DOCKER_HOST: `unix://${join(dockerdFolder, "sock")}` };
    const engine = { name: "dockerd", version: "", command: ["docker"], env, pids: async () => [] };
    const dockerd = new LiveDockerd(engine, command);
    await dockerd.start();
    await importImage(engine, await busyboxTar(), "bench-busybox");
    return dockerd;
  }

  async start(): Promise<void> {
    const at = (name: string) => join(dockerdFolder, name);
    const flags = [`--data-root=${at("data")}`, `--exec-root=${at("exec")}`, `--host=unix://${at("sock")}`];
    const log = openSync(at("log"), "a");
    const child = Bun.spawn([...this.command, ...flags, `--pidfile=${at("pid")}`, "--live-restore"], {
      stdio: ["ignore", log, log],
    });
    this.#child = child;
    while (child.exitCode === null) {
      const pinged =
        existsSync(at("sock")) && (await answer(this.engine, "GET", "/_ping").catch(() => undefined)) !== undefined;
      if (pinged) return;
      await Bun.sleep(5);
    }
    throw new Error(`dockerd ended with ${child.exitCode}; see ${at("log")}`);
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGTERM");
    await this.#child?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
