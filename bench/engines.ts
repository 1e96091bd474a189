/** The engines that are measured side by side, each reached by the command people would type. */
import { existsSync } from "node:fs";
import { run, succeed } from "../test/harness/command.ts";
import type { TestDaemon } from "../test/harness/daemon.ts";
import { busyboxTar } from "../test/harness/images.ts";

export interface Engine {
  readonly name: string;
  readonly version: string;
  /** The command in front of `run`, `ps`, ... */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Pids of everything that belongs to the engine itself, not to containers. */
  pids(): Promise<number[]>;
}

/** Socket of the reference dockerd; see docs/BENCHMARKS.md for how to have one. */
export const referenceSocket = process.env.DHOW_BENCH_DOCKERD ?? "/tmp/dk28.sock";
/** A command that runs podman, such as `podman` or a wrapper into another root. */
const podmanCommand = process.env.DHOW_BENCH_PODMAN?.split(" ") ?? ["podman"];

export async function command(engine: Engine, ...args: string[]): Promise<string> {
  return await succeed([...engine.command, ...args], { env: engine.env, timeoutMs: 300_000 });
}

/**
 * Runs a command whose time counts: started with as little as can be around it (its output is thrown away), since what the
 * starter costs would weigh on the fastest engine most.
 */
export function timedCommand(engine: Engine, ...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...engine.command, ...args], {
    env: { ...process.env, ...engine.env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  if (exitCode !== 0) throw new Error(`${engine.name} ${args.join(" ")} -> ${exitCode}\n${stderr}`);
}

/** Removes containers at once; podman's `rm -f` waits for a stop unless told not to. */
export async function removeNow(engine: Engine, ...names: string[]): Promise<void> {
  await command(engine, "rm", "-f", ...(engine.name === "podman" ? ["-t", "0"] : []), ...names);
}

/** dhow on a daemon of its own, then dockerd and podman where they are there. */
export async function engines(daemon: TestDaemon): Promise<[Engine, ...Engine[]]> {
  const list: [Engine, ...Engine[]] = [await dhow(daemon)];
  if (existsSync(referenceSocket)) list.push(await dockerd());
  else console.log(`no reference dockerd at ${referenceSocket}: its columns are missing`);
  if ((await run([...podmanCommand, "--version"]).catch(() => ({ code: 1 }))).code === 0) list.push(await podman());
  else console.log(`no podman (${podmanCommand.join(" ")}): its columns are missing`);
  const tar = await busyboxTar();
  for (const engine of list) await importImage(engine, tar, "bench-busybox");
  return list;
}

/** Imports through stdin, so that the engine may live in another root. */
export async function importImage(engine: Engine, tar: string, name: string): Promise<void> {
  const stdin = new Uint8Array(await Bun.file(tar).arrayBuffer());
  await succeed([...engine.command, "import", "-", name], { env: engine.env, stdin });
}

async function dhow(daemon: TestDaemon): Promise<Engine> {
  const { dhowBinary } = await import("../test/harness/daemon.ts");
  return {
    name: "dhow",
    version: (await succeed([dhowBinary, "--version"])).replace(/^\D*/, ""),
    command: [dhowBinary],
    env: { DOCKER_HOST: `unix://${daemon.socket}`, DHOW_AUTOSTART: "0" },
    pids: async () => await pidsOf((line) => line.includes(daemon.root) && line.includes("dhow")),
  };
}

async function dockerd(): Promise<Engine> {
  const env = { DOCKER_HOST: `unix://${referenceSocket}` };
  return {
    name: "dockerd",
    version: await succeed(["docker", "version", "-f", "{{.Server.Version}}"], { env }),
    command: ["docker"],
    env,
    pids: async () => await pidsOf((line) => /(^|\/)(dockerd|containerd)( |$)/.test(line)),
  };
}

async function podman(): Promise<Engine> {
  return {
    name: "podman",
    version: (await succeed([...podmanCommand, "--version"])).replace(/^\D*/, ""),
    command: podmanCommand,
    env: {},
    pids: async () => [],
  };
}

async function pidsOf(matches: (line: string) => boolean): Promise<number[]> {
  const listing = await succeed(["ps", "-eo", "pid=,args="]);
  return listing
    .split("\n")
    .map((line) => /^\s*(\d+) (.*)$/.exec(line))
    .filter((match) => match !== null && matches(match[2] ?? ""))
    .map((match) => Number(match?.[1]));
}
