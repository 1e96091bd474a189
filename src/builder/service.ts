/** The builder put together. */
import { mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DhowError, notImplemented } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { formatPlatform, hostPlatform, type Platform, parsePlatform } from "../lib/platform.ts";
import { readWanted } from "./attestations/wanted.ts";
import { BuildImages } from "./base-images.ts";
import type { BuildEvent, Builder, BuildRequest, BuiltImage, CacheEntry, PruneRequest } from "./builder.ts";
import { BuildCache } from "./cache/build-cache.ts";
import { CacheKeeper } from "./cache/cache-keeper.ts";
import { CacheMounts } from "./cache/cache-mounts.ts";
import { checkExports, StepNotes } from "./cache/export-cache.ts";
import { checkTransfers, ImportedCaches } from "./cache/import-cache.ts";
import type { BuilderOptions, BuildHold } from "./collaborators.ts";
import { BuildContext, type ContextParts } from "./context/build-context.ts";
import { describeWarning } from "./dockerfile/lint/linter.ts";
import { planBuild } from "./dockerfile/plan/build.ts";
import type { BuildPlan } from "./dockerfile/plan/plan.ts";
import { decodeSource } from "./dockerfile/syntax/decode.ts";
import { type ParsedFile, parseFile } from "./dockerfile/syntax/parse.ts";
import { DockerfileError, describeError } from "./dockerfile/text/dockerfile-error.ts";
import type { Source } from "./dockerfile/text/source.ts";
import { checkOutputs } from "./exporters/export-all.ts";
import { giveOut } from "./give-out.ts";
import type { MainContext } from "./request-sources.ts";
import { Flights } from "./solver/flights.ts";
import { InputRoots } from "./solver/input-roots.ts";
import { Solver, type StageResult, StepFailed, type StepResult } from "./solver/solver.ts";
import { StepWorker, type WorkerParts } from "./solver/step-worker.ts";
import { refuseUngivable, refuseUngranted } from "./steps/grants.ts";
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
    refuseUngivable(request.grants, this.#options.grants);
    checkOutputs(request.outputs);
    checkTransfers(request.cacheFrom, false);
    checkTransfers(request.cacheTo, true);
    checkExports(request.cacheTo);
    const platforms = platformsOf(request);
    if (main.kind !== "archive")
      throw notImplemented(`building from a ${main.kind} context is not supported by this engine yet`);
    using context = await BuildContext.receive(this.#contexts, main.tar, op);
    const file = parsed(context, request.dockerfile);
    const hold = images.hold();
    try {
      return await this.#buildIn(context, file, { request, tell, hold, platforms }, op);
    } catch (error) {
      throw placed(error, file.source);
    } finally {
      await images.outputs.letGo(hold);
    }
  }

  async #buildIn(context: BuildContext, file: ParsedFile, build: Building, op: Operation): Promise<BuiltImage> {
    const { request, hold, platforms } = build;
    const { images } = this.#options;
    const startedAt = new Date();
    const wanted = readWanted(request.attestations);
    const bases = new BuildImages(images, hold, request, op);
    const plans: BuildPlan[] = [];
    for (const platform of platforms) plans.push(await this.#plan(context, file, request, platform, bases));
    for (const plan of plans) refuseUngranted(plan, request.networkMode, request.grants);
    const parts = { ...this.#options, hold };
    const { auths } = request;
    const imported = await ImportedCaches.load({ ...parts, cache: this.#parts.cache, auths }, request.cacheFrom, op);
    const notes = new StepNotes();
    const results = await this.#solve(context, file, { ...build, imported, notes }, plans, bases, op);
    return await giveOut(parts, { request, plans, results, notes, bases, startedAt, wanted }, op);
  }

  /** The results of plans for several platforms, side by side; the first failure ends the others. */
  async #solve(
    context: BuildContext,
    file: ParsedFile,
    { request, tell, hold, imported, notes }: Building & { imported: ImportedCaches; notes: StepNotes },
    plans: readonly BuildPlan[],
    bases: BuildImages,
    op: Operation,
  ): Promise<StageResult[]> {
    const scratch = mkdtempSync(join(this.#contexts.directory, "inline-"));
    const failure = new AbortController();
    const own: Operation = { ...op, signal: AbortSignal.any([op.signal, failure.signal]) };
    try {
      await using stack = new AsyncDisposableStack();
      let first = 0;
      const solvers = plans.map((plan) => {
        const inputs: InputRoots = stack.use(new InputRoots(this.#options, (input) => solver.source(input)));
        const { proxies } = plan.frontend;
        const from = first;
        const tellOwn = (event: BuildEvent): void =>
          tell("step" in event ? { ...event, step: event.step + from } : event);
        const worker = new StepWorker(this.#parts, {
          request,
          hold,
          inputs,
          proxies,
          scratch,
          tell: tellOwn,
          imported,
          notes,
        });
        const solver: Solver = new Solver(
          {
            plan,
            tell: tellOwn,
            image: (input) => bases.of(input),
            context: (input) => {
              if (input.from === "named")
                throw notImplemented(`named context ${input.name} is not supported by this engine yet`);
              return { kind: "directory", path: context.root };
            },
            carryOut: (step, stage, number, tree, forOne) => worker.carryOut(step, stage, number, tree, forOne),
          },
          own,
        );
        first += solver.labels.length;
        return solver;
      });
      const warnings = plans.flatMap((plan) => plan.warnings.map((warning) => describeWarning(warning, file.source)));
      tell({
        kind: "planned",
        steps: solvers.flatMap(({ labels }) => labels),
        warnings: [...new Set([...imported.warnings, ...warnings])],
      });
      const going = solvers.map((solver) => solver.solve());
      let failed: { readonly error: unknown } | null = null;
      for (const one of going) {
        one.catch((error: unknown) => {
          failed ??= { error };
          failure.abort(error);
        });
      }
      await Promise.allSettled(going);
      if (failed !== null) throw (failed as { readonly error: unknown }).error;
      return await Promise.all(going);
    } finally {
      this.#contexts.discard(scratch);
    }
  }

  async #plan(
    context: BuildContext,
    file: ParsedFile,
    request: BuildRequest,
    platform: Platform | null,
    images: BuildImages,
  ): Promise<BuildPlan> {
    const given = Object.entries(request.buildArgs).filter((pair): pair is [string, string] => pair[1] !== null);
    return await planBuild(file, {
      target: request.target === "" ? null : request.target,
      buildArgs: new Map(given),
      buildPlatform: hostPlatform(),
      targetPlatform: platform,
      namedContexts: new Map(),
      labels: new Map(Object.entries(request.labels)),
      allStages: false,
      ignore: await context.ignore(request.dockerfile),
      noCache: request.noCache || new Set(request.noCacheStages.map((name) => name.toLowerCase())),
      isMultiPlatform: platformsOf(request).length > 1,
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

interface Building {
  readonly request: BuildRequest;
  readonly tell: (event: BuildEvent) => void;
  readonly hold: BuildHold;
  /** Null is this host's, by nobody's word. */
  readonly platforms: readonly (Platform | null)[];
}

/** Each once, in the order they were asked for. */
function platformsOf({ platform }: BuildRequest): (Platform | null)[] {
  if (platform === "") return [null];
  const all = platform.split(",").map((one) => parsePlatform(one.trim()));
  return [...new Map(all.map((one) => [formatPlatform(one), one])).values()];
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
export class BuildFailed extends DhowError {
  readonly exitCode: number | null;
  /** Id of the image that has what the step left (`keepsFailed`); it is the caller's to remove. */
  readonly keptImage: string | null;

  constructor(message: string, cause: DockerfileError) {
    super(cause.kind, message, { cause });
    this.exitCode = cause instanceof StepFailed ? cause.exitCode : null;
    this.keptImage = cause instanceof StepFailed ? cause.keptImage : null;
  }
}

/** The error with the lines of the file that it is about, where it knows them. */
function placed(error: unknown, source: Source): unknown {
  if (!(error instanceof DockerfileError)) return error;
  return new BuildFailed(describeError(error, source), error);
}
