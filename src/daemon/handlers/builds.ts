import type { Readable } from "node:stream";
import type * as v from "valibot";
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
import { parseWire } from "../../api/wire.ts";
import type { BuildEvent, BuildRequest, BuiltImage, PruneRequest } from "../../builder/builder.ts";
import type { CacheTransfer, Output } from "../../builder/request-results.ts";
import { type MainContext, noSources } from "../../builder/request-sources.ts";
import { invalidArgument, notImplemented, unavailable } from "../../lib/errors.ts";
import { parseJson } from "../../lib/json.ts";
import type { Operation } from "../../lib/operation.ts";
import { parseUntil } from "../../lib/until.ts";
import { BuildLog } from "../build-log.ts";
import type { Call, Handlers } from "../call.ts";
import { readRegistryConfig } from "./credentials.ts";

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

type BuildQuery = Call<Routes["imageBuild"]>["query"];

/** Handlers of the build routes. */
export function buildHandlers(builds: BuildsBackend) {
  /** Builds under way, by the name that their clients gave them. */
  const named = new Map<string, AbortController>();
  return {
    imageBuild: async ({ query, header, input, progress, op }) => {
      const request = readRequest(query, header("X-Registry-Config"));
      const log = new BuildLog(query.q ? () => {} : progress);
      const cancelled = new AbortController();
      if (query.buildid !== "") named.set(query.buildid, cancelled);
      try {
        const signal = AbortSignal.any([op.signal, cancelled.signal]);
        tellResult(
          await builds.build(request, mainContext(query, input), log.tell, { ...op, signal }),
          query.q,
          progress,
        );
      } catch (error) {
        log.failed();
        throw error;
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
  refuseUnbuilt(query);
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
    ulimits: (query.ulimits === "" ? [] : readText("ulimits", BuildUlimits, query.ulimits)).map(
      ({ Name, Soft, Hard }) => ({
        Name,
        Soft: Number(Soft),
        Hard: Number(Hard),
      }),
    ),
  };
  return {
    dockerfile: query.dockerfile || "Dockerfile",
    names: query.t.filter((name) => name !== ""),
    buildArgs: query.buildargs === "" ? {} : readText("buildargs", BuildArgs, query.buildargs),
    labels: query.labels === "" ? {} : readText("labels", BuildLabels, query.labels),
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

function refuseUnbuilt({ version }: BuildQuery): void {
  if (version === "2") throw notImplemented("builds over BuildKit's own protocol are not supported by this engine yet");
}

/** Those that need no client to take files. */
function readOutputs(text: string): Output[] {
  if (text === "") return [];
  return readText("outputs", BuildOutputs, text).map(({ Type, Attrs }) => {
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
  const names = text === "" ? [] : readText("cachefrom", BuildCacheFrom, text);
  return (names ?? []).map((ref) => ({ type: "registry", attributes: { ref } }));
}

/** One of the query's texts that hold JSON. */
function readText<S extends v.GenericSchema>(name: string, schema: S, text: string): v.InferOutput<S> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw invalidArgument(`error reading ${name}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  return parseWire(schema, value);
}

function readPrune(query: Call<Routes["buildPrune"]>["query"]): PruneRequest {
  const { filters } = query;
  const until = parseUntil(filters.get("until"));
  return {
    all: query.all,
    keepBytes: query["reserved-space"] ?? query["keep-storage"] ?? query["max-used-space"] ?? 0,
    unusedForMs: until === undefined ? 0 : Math.max(0, Date.now() - Number(until / 1_000_000n)),
    ids: valuesOf(filters, "id"),
    types: valuesOf(filters, "type"),
  };
}

const valuesOf = (filters: Filters, name: string): readonly string[] => filters.get(name) ?? [];
