/** Builds the targets of bake at once; one that takes another's result waits for it. */
import { randomBytes } from "node:crypto";
import { paths } from "../../../api/paths.ts";
import type { BuildStatus } from "../../../client/buildkit/status.ts";
import { to } from "../../../client/route-call.ts";
import type { Cli } from "../../cli.ts";
import { ExitError } from "../../command.ts";
import { callText, readCall } from "../call.ts";
import { BuildFailure } from "../failure.ts";
import { buildArguments } from "../from-flags.ts";
import { catchSignals } from "../interrupt.ts";
import { openProgress, type Progress, readProgressMode } from "../progress/progress.ts";
import { metadataOf, writeResult } from "../results.ts";
import type { BuildSettings } from "../settings.ts";
import { askFrontend, type BuildOutcome, runBuild } from "../solve.ts";
import type { Resolved } from "./resolve.ts";
import { type TargetOptions, targetSettings } from "./target.ts";

export interface BakeFlags extends TargetOptions {
  readonly call: string;
  readonly check: boolean;
  readonly debug: boolean;
  readonly progress: string;
  readonly "metadata-file": string;
}

/** Answers the exit code. */
export async function runTargets(cli: Cli, { targets }: Resolved, flags: BakeFlags): Promise<number> {
  const call = readCall(flags.call, flags.check);
  const settings = new Map([...targets].map(([name, fields]) => [name, targetSettings(name, fields, flags)]));
  const mode = readProgressMode(flags.progress, false);
  const progress = openProgress({
    mode,
    output: cli.stderr,
    title: [...targets.keys()].join(", "),
    builder: "default",
    debug: flags.debug,
  });
  using interrupt = catchSignals(() => progress.cancelling());
  const stop = new AbortController();
  const signal = AbortSignal.any([interrupt.signal, stop.signal]);
  const chain = new Chain(cli, settings, progress, signal);
  let code = 0;
  try {
    if (call.name !== "build") {
      for (const [name, each] of settings) {
        const answer = await askFrontend(cli, { settings: each, progress: named(progress, name), signal }, call.name);
        const said = callText(call, answer);
        cli.out(settings.size > 1 ? `${name}\n${said.text}` : said.text);
        code ||= said.code;
      }
    } else await chain.all(() => stop.abort());
    await progress.finish(true);
  } catch (error) {
    await progress.finish(false);
    if (interrupt.code !== 0) {
      cli.err("ERROR: failed to build: canceled\n");
      return interrupt.code;
    }
    if (!(error instanceof BuildFailure)) throw error;
    cli.err(`${error.message}\n`);
    return 1;
  } finally {
    await chain.tidy();
  }
  if (call.name === "build") await deliver(cli, flags, chain.outcomes);
  return code;
}

async function deliver(cli: Cli, flags: BakeFlags, outcomes: ReadonlyMap<string, BuildOutcome>): Promise<void> {
  const names = [...outcomes.values()].flatMap(({ pushNames }) => pushNames);
  if (names.length > 0) {
    const { pushImages } = await import("../push.ts");
    await pushImages(cli, names);
  }
  if (flags["metadata-file"] === "") return;
  const facts = [...outcomes].map(([name, { response, ref }]) => [name, metadataOf(response, ref)]);
  await writeResult(flags["metadata-file"], JSON.stringify(Object.fromEntries(facts), null, 2), "metadata file");
}

/** The steps of one target among others', marked by its name. */
function named(progress: Progress, target: string): Progress {
  const mark = (digest: string): string => `${target} ${digest}`;
  return {
    ...progress,
    update: (status: BuildStatus) =>
      progress.update({
        vertexes: status.vertexes.map((each) => ({
          ...each,
          digest: mark(each.digest),
          inputs: each.inputs.map(mark),
          name: each.name.startsWith("[") ? `[${target} ${each.name.slice(1)}` : `[${target}] ${each.name}`,
        })),
        statuses: status.statuses.map((each) => ({ ...each, vertex: mark(each.vertex) })),
        logs: status.logs.map((each) => ({ ...each, vertex: mark(each.vertex) })),
        warnings: status.warnings.map((each) => ({ ...each, vertex: mark(each.vertex) })),
      }),
  };
}

class Chain {
  readonly outcomes = new Map<string, BuildOutcome>();
  readonly #cli: Cli;
  readonly #settings: ReadonlyMap<string, BuildSettings>;
  readonly #progress: Progress;
  readonly #signal: AbortSignal;
  readonly #builds = new Map<string, Promise<void>>();
  /** Names under which results of targets stand while others take them. */
  readonly #names = new Map<string, string>();

  constructor(cli: Cli, settings: ReadonlyMap<string, BuildSettings>, progress: Progress, signal: AbortSignal) {
    this.#cli = cli;
    this.#settings = settings;
    this.#progress = progress;
    this.#signal = signal;
    for (const each of settings.values()) {
      for (const target of targetsIn(each)) {
        if (!settings.has(target)) throw new ExitError(1, `ERROR: there is no target ${JSON.stringify(target)}`);
        this.#names.set(target, `dhow-bake/${target.toLowerCase()}:${randomBytes(6).toString("hex")}`);
      }
    }
  }

  /** The first failure ends the others. */
  async all(stop: () => void): Promise<void> {
    const builds = [...this.#settings.keys()].map((name) => this.#build(name, []));
    const ended = await Promise.allSettled(
      builds.map((each) =>
        each.catch((error: unknown) => {
          stop();
          throw error;
        }),
      ),
    );
    const failures = ended.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
    const first = failures.find((each) => !(each instanceof BuildFailure && each.isCancelled)) ?? failures[0];
    if (first !== undefined) throw first;
  }

  #build(name: string, above: readonly string[]): Promise<void> {
    if (above.includes(name)) throw new ExitError(1, `ERROR: the target ${JSON.stringify(name)} takes its own result`);
    const started = this.#builds.get(name);
    if (started) return started;
    const build = this.#run(name, [...above, name]);
    this.#builds.set(name, build);
    return build;
  }

  async #run(name: string, above: readonly string[]): Promise<void> {
    const settings = this.#settings.get(name);
    if (!settings) return;
    await Promise.all(targetsIn(settings).map((target) => this.#build(target, above)));
    const contexts = Object.fromEntries(
      Object.entries(settings.contexts).map(([key, where]) => {
        const target = /^target:(.+)$/.exec(where)?.[1];
        return [key, target === undefined ? where : `docker-image://${this.#names.get(target)}`];
      }),
    );
    const own = this.#names.get(name);
    const outputs =
      own === undefined || settings.outputs.length === 0
        ? settings.outputs
        : [...settings.outputs, { type: "docker", attrs: {}, destination: null }];
    const outcome = await runBuild(this.#cli, {
      settings: {
        ...settings,
        contexts,
        outputs,
        buildArgs: { ...(await buildArguments(this.#cli, [])), ...settings.buildArgs },
        tags: own === undefined ? settings.tags : [...settings.tags, own],
      },
      progress: named(this.#progress, name),
      signal: this.#signal,
    });
    this.outcomes.set(name, outcome);
  }

  /** Takes the names back that stood for results. */
  async tidy(): Promise<void> {
    await Promise.allSettled(this.#builds.values());
    const client = await this.#cli.client();
    for (const name of this.#names.values())
      await client.json(to(paths.imageRemove, { name }, {})).catch(() => undefined);
  }
}

const targetsIn = ({ contexts }: BuildSettings): string[] =>
  Object.values(contexts).flatMap((where) => /^target:(.+)$/.exec(where)?.[1] ?? []);
