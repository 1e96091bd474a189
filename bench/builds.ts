/** `build` beside BuildKit (by docker's buildx plugin) and buildah (by podman), turn by turn. */
import { tmpdir } from "node:os";
import { succeed } from "../test/harness/command.ts";
import {
  type Context,
  debianPackage,
  eightStages,
  makeContext,
  manyFiles,
  nodeApplication,
  nodeBase,
  tenSteps,
} from "./build-contexts.ts";
import { command, type Engine } from "./engines.ts";
import { summary } from "./measure.ts";
import { withPlugins } from "./stock-plugins.ts";
import type { Table } from "./table.ts";

/** docker's buildx plugin; without one dockerd has the classic builder. */
const buildx = process.env.DHOW_BENCH_BUILDX;
/** What podman calls this machine's directory for temporary files. */
const podmanTmp = process.env.DHOW_BENCH_PODMAN_TMP ?? tmpdir();
/** An image of Debian for the two that fetch packages; they are left out without one. */
const debian = process.env.DHOW_BENCH_DEBIAN;

const image = "bench-built";
const timeoutMs = 900_000;
/** With limits that a root without CAP_SYS_RESOURCE may set. */
const podmanFlags = ["--layers", "--network=host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"];
const begun = Date.now();
let rounds = 0;

interface Case {
  readonly name: string;
  readonly runs: number;
  readonly context: Context;
  /** What makes the next build of an engine another than its last. */
  change?(context: Context, round: string): void;
  /** The value of ROUND; "" keeps the last one. */
  readonly isNew: boolean;
}

export async function builds(engines: readonly Engine[]): Promise<Table> {
  const configured = engines.map(withBuildKit);
  using steps = makeContext(tenSteps("bench-busybox"));
  using stages = makeContext(eightStages("bench-busybox"));
  using many = manyFiles("bench-busybox");
  const cases: Case[] = [
    { name: "10 steps, all new", runs: 5, context: steps, isNew: true },
    { name: "10 steps, nothing new", runs: 9, context: steps, isNew: false },
    {
      name: "10 steps, one file new in the last but one",
      runs: 5,
      context: steps,
      isNew: false,
      change: (context, round) => context.write("late.txt", round),
    },
    { name: "8 stages side by side", runs: 3, context: stages, isNew: true },
    { name: "COPY of 50,000 files, nothing new", runs: 3, context: many, isNew: false },
    {
      name: "COPY of 50,000 files, one new",
      runs: 3,
      context: many,
      isNew: false,
      change: (context, round) => context.write("d0/f0.txt", round),
    },
  ];
  const rows: Table["rows"][number][] = [];
  for (const one of cases) rows.push(await measured(configured, one));
  if (debian) rows.push(...(await withPackages(configured, debian)));
  else console.log("no image of Debian (DHOW_BENCH_DEBIAN, a tar of its root): its two rows are missing");
  for (const engine of engines) await command(engine, "rmi", "-f", image);
  return { title: "Builds", unit: "ms, median", rows };
}

/** The two that spend most of their time on the network and in the step itself. */
async function withPackages(engines: readonly Engine[], rootTar: string): Promise<Table["rows"][number][]> {
  using packages = makeContext(debianPackage("bench-debian"));
  using node = makeContext(nodeBase("bench-debian"));
  using application = makeContext(nodeApplication("bench-node"));
  for (const engine of engines) {
    await succeed([...engine.command, "import", "-", "bench-debian"], {
      env: engine.env,
      stdin: Bun.file(rootTar),
      timeoutMs,
    });
    await build(engine, node, "bench-node", "");
  }
  const rows = [
    await measured(engines, { name: "apt-get install nginx", runs: 3, context: packages, isNew: true }),
    await measured(engines, { name: "a Node application", runs: 3, context: application, isNew: true }),
  ];
  for (const engine of engines) await command(engine, "rmi", "-f", "bench-node", "bench-debian");
  return rows;
}

/** The engines in turns; a build that does not count goes first. */
async function measured(
  engines: readonly Engine[],
  { name, runs, context, change, isNew }: Case,
): Promise<Table["rows"][number]> {
  const times: Record<string, number[]> = Object.fromEntries(engines.map((engine) => [engine.name, []]));
  for (let run = 0; run <= runs; run++) {
    // Of this run: an engine that outlives it has the last run's in its cache.
    const round = `round ${begun} ${rounds++}`;
    change?.(context, round);
    for (const engine of engines) {
      const from = performance.now();
      await build(engine, context, image, isNew ? round : "same");
      if (run > 0) times[engine.name]?.push(performance.now() - from);
    }
  }
  const values = Object.fromEntries(Object.entries(times).map(([key, list]) => [key, summary(list).median]));
  console.log(`${name}: ${JSON.stringify(values)}`);
  return { name, values };
}

async function build(engine: Engine, { path }: Context, tag: string, round: string): Promise<void> {
  const own = engine.name === "podman" ? podmanFlags : [];
  const seen = engine.name === "podman" ? path.replace(tmpdir(), podmanTmp) : path;
  const words = ["build", "-q", ...own, "-t", tag, "--build-arg", `ROUND=${round}`, seen];
  await succeed([...engine.command, ...words], { env: engine.env, timeoutMs });
}

function withBuildKit(engine: Engine): Engine {
  if (engine.name !== "dockerd") return engine;
  if (!buildx) {
    console.log("no buildx plugin (DHOW_BENCH_BUILDX): dockerd builds with its classic builder");
    return { ...engine, env: { ...engine.env, DOCKER_BUILDKIT: "0" } };
  }
  return withPlugins(engine, { buildx });
}
