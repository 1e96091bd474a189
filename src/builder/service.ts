/** The builder put together. */
import { mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DhowError, notImplemented } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { hostPlatform, parsePlatform } from "../lib/platform.ts";
import { BuildImages } from "./base-images.ts";
import type { BuildEvent, Builder, BuildRequest, BuiltImage, CacheEntry, PruneRequest } from "./builder.ts";
import { BuildCache } from "./cache/build-cache.ts";
import { CacheKeeper } from "./cache/cache-keeper.ts";
import { CacheMounts } from "./cache/cache-mounts.ts";
import type { BuilderOptions, BuildHold } from "./collaborators.ts";
import { BuildContext, type ContextParts } from "./context/build-context.ts";
import { describeWarning } from "./dockerfile/lint/linter.ts";
import { planBuild } from "./dockerfile/plan/build.ts";
import type { BuildPlan } from "./dockerfile/plan/plan.ts";
import { decodeSource } from "./dockerfile/syntax/decode.ts";
import { type ParsedFile, parseFile } from "./dockerfile/syntax/parse.ts";
import { DockerfileError, describeError } from "./dockerfile/text/dockerfile-error.ts";
import type { Source } from "./dockerfile/text/source.ts";
import { imageFile } from "./image-file.ts";
import type { MainContext } from "./request-sources.ts";
import { Flights } from "./solver/flights.ts";
import { InputRoots } from "./solver/input-roots.ts";
import { Solver, StepFailed, type StepResult } from "./solver/solver.ts";
import { StepWorker, type WorkerParts } from "./solver/step-worker.ts";
import { RunExits } from "./steps/run-process.ts";

export interface ServiceOptions extends BuilderOptions, Pick<ContextParts, "unpack"> {
  copyUp: WorkerParts["copyUp"];
  /** Throws a directory away: gone at once, its files deleted later. */
  discard(path: string): void;
}

export function createBuilder(options: ServiceOptions): Builder {
  return new BuildService(options);
}

class BuildService implements Builder {
  readonly #options: ServiceOptions;
  readonly #parts: WorkerParts;
  readonly #keeper: CacheKeeper;
  readonly #contexts: ContextParts;

  constructor(options: ServiceOptions) {
    const { db, images, snapshots, runtime, paths, discard, log } = options;
    mkdirSync(paths.build, { recursive: true, mode: 0o700 });
    const cache = new BuildCache(db, (chainId) => snapshots.hasLayer(chainId), log);
    const cacheMounts = new CacheMounts(join(paths.build, "mounts"), discard);
    images.keepFor(cache);
    this.#options = options;
    this.#parts = { ...options, cache, cacheMounts, exits: new RunExits(runtime), flights: new Flights<StepResult>() };
    this.#keeper = new CacheKeeper(cache, cacheMounts, images);
    this.#contexts = { directory: join(paths.build, "contexts"), unpack: options.unpack, discard };
  }

  async restore(): Promise<void> {
    const { directory, discard } = this.#contexts;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) discard(join(directory, name));
  }

  async build(
    request: BuildRequest,
    main: MainContext,
    tell: (event: BuildEvent) => void,
    op: Operation,
  ): Promise<BuiltImage> {
    const { images } = this.#options;
    for (const name of request.names) images.checkName(name);
    if (main.kind !== "archive")
      throw notImplemented(`building from a ${main.kind} context is not supported by this engine yet`);
    using context = await BuildContext.receive(this.#contexts, main.tar, op);
    const file = parsed(context, request.dockerfile);
    using hold = images.hold();
    try {
      return await this.#buildIn(context, file, { request, tell, hold }, op);
    } catch (error) {
      throw placed(error, file.source);
    }
  }

  async #buildIn(
    context: BuildContext,
    file: ParsedFile,
    { request, tell, hold }: { request: BuildRequest; tell: (event: BuildEvent) => void; hold: BuildHold },
    op: Operation,
  ): Promise<BuiltImage> {
    const { images } = this.#options;
    const bases = new BuildImages(images, hold, request, op);
    const plan = await this.#plan(context, file, request, bases);
    const scratch = mkdtempSync(join(this.#contexts.directory, "inline-"));
    try {
      await using inputs = new InputRoots(this.#options, (input) => solver.source(input));
      const worker = new StepWorker(this.#parts, {
        request,
        hold,
        inputs,
        proxies: plan.frontend.proxies,
        scratch,
        tell,
      });
      const solver = new Solver(
        {
          plan,
          tell,
          image: (input) => bases.of(input),
          context: (input) => {
            if (input.from === "named")
              throw notImplemented(`named context ${input.name} is not supported by this engine yet`);
            return { kind: "directory", path: context.root };
          },
          carryOut: (step, stage, number, tree, forOne) => worker.carryOut(step, stage, number, tree, forOne),
        },
        op,
      );
      tell({
        kind: "planned",
        steps: solver.labels,
        warnings: plan.warnings.map((warning) => describeWarning(warning, file.source)),
      });
      const result = await solver.solve();
      const made = {
        file: imageFile(plan.target, result, plan.frontend.epoch),
        layers: result.tree,
        names: request.names,
        parent: result.root?.id ?? "",
      };
      return { ...(await images.make(hold, made, op)), facts: {} };
    } finally {
      this.#contexts.discard(scratch);
    }
  }

  async #plan(context: BuildContext, file: ParsedFile, request: BuildRequest, images: BuildImages): Promise<BuildPlan> {
    const given = Object.entries(request.buildArgs).filter((pair): pair is [string, string] => pair[1] !== null);
    return await planBuild(file, {
      target: request.target === "" ? null : request.target,
      buildArgs: new Map(given),
      buildPlatform: hostPlatform(),
      targetPlatform: request.platform === "" ? null : parsePlatform(request.platform),
      namedContexts: new Map(),
      labels: new Map(Object.entries(request.labels)),
      allStages: false,
      ignore: await context.ignore(request.dockerfile),
      noCache: request.noCache,
      isMultiPlatform: false,
      images,
    });
  }

  cacheEntries(): Promise<CacheEntry[]> {
    return this.#keeper.entries();
  }

  prune(request: PruneRequest): ReturnType<Builder["prune"]> {
    return this.#keeper.prune(request);
  }
}

function parsed(context: BuildContext, name: string): ParsedFile {
  const bytes = context.dockerfile(name);
  try {
    return parseFile(bytes, name);
  } catch (error) {
    throw placed(error, decodeSource(bytes, name));
  }
}

/** A build's failure as it is told; with the exit code of a RUN that it was. */
class BuildFailed extends DhowError {
  readonly exitCode: number | null;

  constructor(message: string, cause: DockerfileError) {
    super(cause.kind, message, { cause });
    this.exitCode = cause instanceof StepFailed ? cause.exitCode : null;
  }
}

/** The error with the lines of the file that it is about, where it knows them. */
function placed(error: unknown, source: Source): unknown {
  if (!(error instanceof DockerfileError)) return error;
  return new BuildFailed(describeError(error, source), error);
}
