import type { Readable } from "node:stream";
import {
  BuildArgs,
  BuildCacheFrom,
  BuildLabels,
  BuildOutputs,
  type BuildResult,
  BuildUlimits,
} from "../../api/build.ts";
import type { Filters } from "../../api/filters.ts";
import type { ProgressSink } from "../../api/images.ts";
import type { Routes } from "../../api/routes.ts";
import type { BuildEvent, BuildRequest, BuiltImage, CacheEntry, PruneRequest } from "../../builder/builder.ts";
import { type CacheTransfer, inStore, type Output } from "../../builder/request-results.ts";
import { type MainContext, noSources } from "../../builder/request-sources.ts";
import { invalidArgument, unavailable } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { parseUntil } from "../../lib/until.ts";
import { BuildLog } from "../build-log.ts";
import type { Call, Handlers } from "../call.ts";
import type { BuildQuery, SessionBuilds } from "./buildkit/session-build.ts";
import { readRegistryConfig } from "./credentials.ts";
import { readQueryJson } from "./query-json.ts";

/** What the build routes need. */
export interface BuildsBackend {
  build(
    request: BuildRequest,
    context: MainContext,
    tell: (event: BuildEvent) => void,
    op: Operation,
  ): Promise<BuiltImage>;
  prune(request: PruneRequest): Promise<{ readonly ids: readonly string[]; readonly bytes: number }>;
}

/** Handlers of the build routes. */
export function buildHandlers(builds: BuildsBackend, sessionBuilds: SessionBuilds) {
  /** Builds under way, by the name that their clients gave them. */
  const named = new Map<string, AbortController>();
  return {
    imageBuild: async ({ query, header, input, progress, op }) => {
      const cancelled = new AbortController();
      if (query.buildid !== "") named.set(query.buildid, cancelled);
      const own = { ...op, signal: AbortSignal.any([op.signal, cancelled.signal]) };
      try {
        if (query.version === "2") {
          input.resume();
          await sessionBuilds.build(query, progress, own);
        } else {
          const request = readRequest(query, header("X-Registry-Config"));
          await buildFromBody(builds, { request, query, input, progress }, own);
        }
      } finally {
        named.delete(query.buildid);
      }
      return undefined;
    },
    buildCancel: async ({ query }) => {
      if (query.id === "") throw invalidArgument("build ID not provided");
      named.get(query.id)?.abort(unavailable("build cancelled: context canceled"));
      return undefined;
    },
    buildPrune: async ({ query }) => {
      const { ids, bytes } = await builds.prune(readPrune(query));
      return { CachesDeleted: [...ids], SpaceReclaimed: bytes };
    },
  } satisfies Partial<Handlers>;
}

interface ClassicBuild {
  readonly request: BuildRequest;
  readonly query: BuildQuery;
  readonly input: Readable;
  readonly progress: ProgressSink;
}

async function buildFromBody(
  builds: BuildsBackend,
  { request, query, input, progress }: ClassicBuild,
  op: Operation,
): Promise<void> {
  const log = new BuildLog(query.q ? () => {} : progress);
  try {
    tellResult(await builds.build(request, mainContext(query, input), log.tell, op), query.q, progress);
  } catch (error) {
    log.failed();
    throw error;
  }
}

function tellResult({ id, names }: BuiltImage, isQuiet: boolean, progress: ProgressSink): void {
  progress({ aux: { ID: id } satisfies BuildResult });
  if (isQuiet) {
    progress({ stream: `${id}\n` });
    return;
  }
  progress({ stream: `Successfully built ${id.replace("sha256:", "").slice(0, 12)}\n` });
  for (const name of names) progress({ stream: `Successfully tagged ${name}\n` });
}

/** A `remote` is fetched; what the body holds beside it nobody looks at. */
function mainContext({ remote }: BuildQuery, input: Readable): MainContext {
  if (remote === "" || remote === "client-session") return { kind: "archive", tar: input };
  input.resume();
  return { kind: "remote", address: remote };
}

function readRequest(query: BuildQuery, registryConfig: string | undefined): BuildRequest {
  const limits = {
    memory: query.memory ?? 0,
    memorySwap: query.memswap ?? 0,
    cpuShares: query.cpushares ?? 0,
    cpuPeriod: query.cpuperiod ?? 0,
    cpuQuota: query.cpuquota ?? 0,
    cpusetCpus: query.cpusetcpus,
    cpusetMems: query.cpusetmems,
    shmSize: query.shmsize ?? 0,
    cgroupParent: query.cgroupparent,
    ulimits: (readQueryJson("ulimits", BuildUlimits, query.ulimits) ?? []).map(({ Name, Soft, Hard }) => ({
      Name,
      Soft: Number(Soft),
      Hard: Number(Hard),
    })),
  };
  return {
    dockerfile: query.dockerfile || "Dockerfile",
    names: query.t.filter((name) => name !== ""),
    buildArgs: readQueryJson("buildargs", BuildArgs, query.buildargs) ?? {},
    labels: readQueryJson("labels", BuildLabels, query.labels) ?? {},
    target: query.target,
    noCache: query.nocache,
    pull: query.pull,
    platform: query.platform,
    networkMode: query.networkmode || "default",
    extraHosts: query.extrahosts === "" ? [] : query.extrahosts.split(","),
    limits,
    auths: readRegistryConfig(registryConfig),
    noCacheStages: [],
    grants: new Set(),
    namedContexts: new Map(),
    ...noSources,
    outputs: readOutputs(query.outputs),
    squash: query.squash,
    attestations: [],
    cacheFrom: readCacheFrom(query.cachefrom),
    cacheTo: [],
    keepsFailed: false,
  };
}

/** Those that need no client to take files. */
function readOutputs(text: string): Output[] {
  const wanted = readQueryJson("outputs", BuildOutputs, text) ?? [];
  if (wanted.length === 0) return [inStore];
  return wanted.map(({ Type, Attrs }) => {
    const { push = "", ...attributes } = Attrs;
    if (Type === "image" || Type === "moby") return { type: "image", push: false, attributes: Attrs };
    if (Type === "registry") return { type: "image", push: push !== "false", attributes };
    throw invalidArgument(
      `output type ${JSON.stringify(Type)} needs a client that takes what is built: this request has none to give it to`,
    );
  });
}

/** Names of images that may hold a cache; what does not is no failure. */
function readCacheFrom(text: string): CacheTransfer[] {
  return (readQueryJson("cachefrom", BuildCacheFrom, text) ?? []).map((ref) => ({
    type: "registry",
    attributes: { ref },
  }));
}

function readPrune(query: Call<Routes["buildPrune"]>["query"]): PruneRequest {
  const { filters } = query;
  const until = parseUntil(filters.get("until"));
  return {
    all: query.all,
    types: [],
    unusedForMs: until === undefined ? 0 : Math.max(0, Date.now() - Number(until / 1_000_000n)),
    reservedBytes: query["reserved-space"] ?? query["keep-storage"] ?? 0,
    maxUsedBytes: query["max-used-space"] ?? 0,
    minFreeBytes: query["min-free-space"] ?? 0,
    fits: filterOf(filters),
  };
}

const fields: Readonly<Record<string, (entry: CacheEntry) => string>> = {
  id: ({ id }) => id,
  type: ({ type }) => type,
  description: ({ description }) => description,
  inuse: ({ inUse }) => String(inUse),
  shared: ({ shared }) => String(shared),
  private: ({ shared }) => String(!shared),
};

/** Entries that have one of the values of each filter. Nothing here has a `parent`. */
function filterOf(filters: Filters): (entry: CacheEntry) => boolean {
  const wanted = [...filters].filter(([name]) => name !== "until");
  const isFlag = (name: string): boolean => ["inuse", "shared", "private"].includes(name);
  return (entry) =>
    wanted.every(([name, values]) => {
      const own = fields[name]?.(entry);
      return values.some((value) => own === (isFlag(name) && value === "" ? "true" : value));
    });
}
