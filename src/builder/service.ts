/** The builder put together. */
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { invalidArgument } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { hostPlatform, type Platform } from "../lib/platform.ts";
import { withoutCredentials } from "../lib/url-credentials.ts";
import { statfs } from "../linux/statfs.ts";
import { readWanted } from "./attestations/wanted.ts";
import { BuildImages } from "./base-images.ts";
import { placed } from "./build-failed.ts";
import type { BuildEvent, Builder, BuildRequest, BuiltImage, CacheEntry, Inspection, PruneRequest } from "./builder.ts";
import { BuildCache } from "./cache/build-cache.ts";
import { CacheKeeper } from "./cache/cache-keeper.ts";
import { CacheMounts } from "./cache/cache-mounts.ts";
import type { CacheRule } from "./cache/cache-rules.ts";
import { checkExports, StepNotes } from "./cache/export-cache.ts";
import { checkTransfers, ImportedCaches } from "./cache/import-cache.ts";
import type { BuilderOptions, BuildHold } from "./collaborators.ts";
import { BuildContext, type BuildFiles, type ContextParts } from "./context/build-context.ts";
import { ClientContext } from "./context/client-context.ts";
import { KeptContexts } from "./context/kept-contexts.ts";
import { checkBuild, planBuild } from "./dockerfile/plan/build.ts";
import type { PlanOptions } from "./dockerfile/plan/options.ts";
import { targetsOf } from "./dockerfile/plan/outline.ts";
import type { BuildPlan } from "./dockerfile/plan/plan.ts";
import type { ParsedFile } from "./dockerfile/syntax/parse.ts";
import { checkOutputs } from "./exporters/export-all.ts";
import { giveOut } from "./give-out.ts";
import { type KeptResult, keepResult } from "./kept-result.ts";
import { stagesIn } from "./plan-parts.ts";
import { keepsGit, parsed, platformsOf } from "./request-reading.ts";
import type { MainContext } from "./request-sources.ts";
import { type BuildSources, solvePlans } from "./solve-plans.ts";
import { Flights } from "./solver/flights.ts";
import type { StepResult } from "./solver/solver.ts";
import type { WorkerParts } from "./solver/step-worker.ts";
import { GitSources } from "./sources/git-sources.ts";
import { HttpSources } from "./sources/http-sources.ts";
import { NamedContexts } from "./sources/named-contexts.ts";
import { fetchRemote, type RemoteParts } from "./sources/remote-files.ts";
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
  readonly contexts: KeptContexts;

  constructor(options: ServiceOptions) {
    const { db, images, snapshots, runtime, paths, discard, log } = options;
    mkdirSync(paths.build, { recursive: true, mode: 0o700 });
    const cache = new BuildCache(db, (chainId) => snapshots.hasLayer(chainId), log);
    const cacheMounts = new CacheMounts(join(paths.build, "mounts"), discard);
    images.keepFor(cache);
    this.#options = options;
    const git = new GitSources(join(paths.build, "git"), discard);
    const http = new HttpSources(join(paths.build, "http"), discard);
    this.contexts = new KeptContexts(join(paths.build, "clients"), discard);
    this.#parts = {
      ...options,
      cache,
      cacheMounts,
      contexts: this.contexts,
      git,
      http,
      exits: new RunExits(runtime),
      flights: new Flights<StepResult>(),
    };
    const kept = {
      "exec.cachemount": cacheMounts,
      "source.git.checkout": git,
      "source.http": http,
      "source.local": this.contexts,
    };
    this.#keeper = new CacheKeeper({
      cache,
      directories: kept,
      images,
      disk: () => statfs(paths.build),
      limits: options.cacheLimits,
      log,
    });
    this.#contexts = { directory: join(paths.build, "contexts"), unpack: options.unpack, discard };
  }

  async restore(): Promise<void> {
    const { directory, discard } = this.#contexts;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) discard(join(directory, name));
    this.contexts.restore();
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
    await using context = await this.#receive(request, main, op);
    const file = await parsed(context, context.ownDockerfile ?? request.dockerfile);
    const hold = images.hold();
    try {
      return await this.#buildIn(context, file, { request, tell, hold, platforms, main }, op);
    } catch (error) {
      throw placed(error, file.source);
    } finally {
      await images.outputs.letGo(hold);
      this.#keeper.built();
    }
  }

  keepResult(
    request: BuildRequest,
    main: MainContext,
    tell: (event: BuildEvent) => void,
    op: Operation,
  ): Promise<KeptResult> {
    const alone = { ...request, names: [], attestations: [], cacheTo: [] };
    return keepResult(this.#contexts, (output) => this.build({ ...alone, outputs: [output] }, main, tell, op));
  }

  async inspect(request: BuildRequest, main: MainContext, op: Operation): Promise<Inspection> {
    const { images } = this.#options;
    await using context = await this.#receive(request, main, op);
    const file = await parsed(context, context.ownDockerfile ?? request.dockerfile);
    const hold = images.hold();
    try {
      const bases = new BuildImages(this.#options, hold, request, op);
      await using named = new NamedContexts({ ...this.#sources, ...this.#contexts }, request, op);
      const [platform = null] = platformsOf(request);
      const checked = await checkBuild(file, await this.#planOptions(context, { request, platform, bases, named }));
      return { ...checked, source: file.source, targets: targetsOf(stagesIn(file)) };
    } finally {
      await images.outputs.letGo(hold);
    }
  }

  async #receive(request: BuildRequest, main: MainContext, op: Operation): Promise<BuildFiles> {
    switch (main.kind) {
      case "archive":
        return await BuildContext.receive(this.#contexts, main.tar, op);
      case "remote": {
        const keepsGitDirectory = keepsGit(request);
        return await BuildContext.filled(this.#contexts, async (directory) => {
          const access = { ...request, keepsGitDirectory };
          const { root, single } = await fetchRemote(this.#sources, main.address, access, directory, op);
          return { root, dockerfile: single };
        });
      }
      case "client":
        if (request.clientFiles === null) throw invalidArgument("the client has no files to give");
        return new ClientContext(request.clientFiles, op);
    }
  }

  get #sources(): RemoteParts {
    return { git: this.#parts.git, http: this.#parts.http, unpack: this.#contexts.unpack };
  }

  async #buildIn(context: BuildFiles, file: ParsedFile, build: Building, op: Operation): Promise<BuiltImage> {
    const { request, hold, platforms } = build;
    const startedAt = new Date();
    const wanted = readWanted(request.attestations);
    const bases = new BuildImages(this.#options, hold, request, op);
    await using named = new NamedContexts({ ...this.#sources, ...this.#contexts }, request, op);
    const plans: BuildPlan[] = [];
    for (const platform of platforms) {
      plans.push(await planBuild(file, await this.#planOptions(context, { request, platform, bases, named })));
    }
    for (const plan of plans) refuseUngranted(plan, request.networkMode, request.grants);
    const parts = { ...this.#options, hold };
    const { auths } = request;
    const imported = await ImportedCaches.load({ ...parts, cache: this.#parts.cache, auths }, request.cacheFrom, op);
    const notes = new StepNotes();
    const solving = { worker: this.#parts, contexts: this.#contexts, context, source: file.source };
    const results = await solvePlans(solving, { ...build, bases, named, imported, notes }, plans, op);
    const contextAddress = build.main.kind === "remote" ? withoutCredentials(build.main.address) : null;
    return await giveOut(parts, { request, plans, results, notes, bases, startedAt, wanted, contextAddress }, op);
  }

  async #planOptions(context: BuildFiles, { request, platform, bases, named }: PlanSources): Promise<PlanOptions> {
    const given = Object.entries(request.buildArgs).filter((pair): pair is [string, string] => pair[1] !== null);
    return {
      target: request.target === "" ? null : request.target,
      buildArgs: new Map(given),
      buildPlatform: hostPlatform(),
      targetPlatform: platform,
      namedContexts: named.planned(bases),
      labels: new Map(Object.entries(request.labels)),
      allStages: false,
      ignore: await context.ignore(context.ownDockerfile ?? request.dockerfile),
      noCache: request.noCache || new Set(request.noCacheStages.map((name) => name.toLowerCase())),
      isMultiPlatform: platformsOf(request).length > 1,
      images: bases,
    };
  }

  cacheEntries(): Promise<CacheEntry[]> {
    return this.#keeper.entries();
  }

  cacheRules(): readonly CacheRule[] {
    return this.#keeper.rules();
  }

  prune(request: PruneRequest): ReturnType<Builder["prune"]> {
    return this.#keeper.prune(request);
  }
}

interface PlanSources extends BuildSources {
  readonly request: BuildRequest;
  readonly platform: Platform | null;
}

interface Building {
  readonly request: BuildRequest;
  readonly main: MainContext;
  readonly tell: (event: BuildEvent) => void;
  readonly hold: BuildHold;
  /** Null is this host's, by nobody's word. */
  readonly platforms: readonly (Platform | null)[];
}
