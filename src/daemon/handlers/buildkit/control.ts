/** BuildKit's Control over the builder. */
import type { Control, Exporter, SolveRequest } from "../../../api/buildkit/control.ts";
import { sessionHeaders } from "../../../api/buildkit/session.ts";
import { timestamp } from "../../../api/buildkit/types.ts";
import type { Builder, CacheEntry } from "../../../builder/builder.ts";
import type { Sessions } from "../../../builder/session/sessions.ts";
import { invalidArgument, notImplemented } from "../../../lib/errors.ts";
import { bytePipe } from "../../../lib/grpc/byte-pipe.ts";
import type { HandlersOf } from "../../../lib/grpc/server.ts";
import { type GrpcError, statusOf } from "../../../lib/grpc/status.ts";
import type { Read } from "../../../lib/protobuf/message.ts";
import { BuildHistory } from "./history.ts";
import { type FrontendRequest, Job, type Jobs } from "./jobs.ts";
import { Solve } from "./solve.ts";
import { cacheTransfers } from "./solve-sources.ts";
import { buildkitVersion, workers } from "./workers.ts";

export type ControlBackend = Pick<
  Builder,
  "build" | "inspect" | "keepResult" | "contexts" | "cacheEntries" | "cacheRules" | "prune"
>;

export function controlHandlers(builds: ControlBackend, sessions: Sessions, jobs: Jobs): HandlersOf<typeof Control> {
  const history = new BuildHistory();
  return {
    ListWorkers: () => ({ record: workers(builds.cacheRules()) }),
    Info: () => ({ buildkitVersion }),
    Solve: async (request, { signal }) => {
      checkSolve(request);
      const job = new Job(request.ref, request.session, request.entitlements, signal);
      using _ = jobs.add(job);
      const exporters = exportersOf(request);
      let wanted: FrontendRequest | null = null;
      try {
        wanted = await frontendRequest(request, job);
        if (wanted !== null && !request.internal) history.begin(job, exporters);
        const exporterResponse = wanted === null ? new Map<string, string>() : await run(wanted, job, request);
        history.end(job, wanted, exporterResponse);
        job.progress.end();
        await job.lent();
        return { exporterResponse };
      } catch (error) {
        const failure = statusOf(error);
        history.end(job, wanted, failure);
        throw failure;
      } finally {
        job.progress.end();
      }
    },
    Session: async (call) => {
      const header = (name: string): readonly string[] => call.metadata.get(name.toLowerCase()) ?? [];
      const facts = {
        id: header(sessionHeaders.id)[0] ?? "",
        sharedKey: header(sessionHeaders.sharedKey)[0] ?? "",
        methods: new Set(header(sessionHeaders.method).map((name) => name.toLowerCase())),
      };
      sessions.check(facts);
      const over = Promise.withResolvers<void>();
      const send = (message: { readonly data: Uint8Array }): Promise<void> => call.send(message);
      const connection = bytePipe({ incoming: call.requests, send, end: over.resolve, close: over.resolve });
      await Promise.race([sessions.serve(connection, facts), over.promise]);
      connection.destroy();
    },
    Status: async ({ ref }, call) => {
      const progress = history.progressOf(ref) ?? (await jobs.get(ref, call.signal)).progress;
      for await (const update of progress.follow(call.signal)) await call.send(update);
    },
    DiskUsage: async ({ filter }) => ({
      record: (await builds.cacheEntries()).filter(filterOf(filter)).map(usageRecord),
    }),
    Prune: async ({ filter, all, keepDuration, reservedSpace, maxUsedSpace, minFreeSpace }, call) => {
      const fits = filterOf(filter);
      const before = (await builds.cacheEntries()).filter(fits);
      const { ids } = await builds.prune({
        all,
        types: [],
        unusedForMs: Number(keepDuration / 1_000_000n),
        reservedBytes: reservedSpace,
        maxUsedBytes: maxUsedSpace,
        minFreeBytes: minFreeSpace,
        fits,
      });
      const gone = new Set(ids);
      for (const entry of before) if (gone.has(entry.id)) await call.send(usageRecord(entry));
    },
    ListenBuildHistory: async ({ ref, activeOnly, earlyExit, limit }, call) => {
      for await (const event of history.follow({ ref, activeOnly, isLive: !earlyExit, limit }, call.signal)) {
        await call.send(event);
      }
    },
    UpdateBuildHistory: ({ ref, pinned, delete: isDeleted, finalize }) => {
      if (isDeleted) history.remove(ref);
      else if (!finalize) history.pin(ref, pinned);
      return {};
    },
  };

  async function run(wanted: FrontendRequest, job: Job, request: Read<typeof SolveRequest>) {
    const solve = await Solve.open({ builds, sessions, jobs }, job, wanted);
    const cacheExports = cacheTransfers(request.cache?.exports ?? []);
    return await solve.run({ exporters: exportersOf(request), cacheExports });
  }
}

function checkSolve({ ref, definition, sourcePolicy, sourcePolicySession }: Read<typeof SolveRequest>): void {
  if (ref === "") throw invalidArgument("the solve has no reference");
  if (definition !== undefined && definition.def.length > 0) {
    throw notImplemented("graphs of LLB cannot be run by this builder: it reads Dockerfiles only");
  }
  if ((sourcePolicy?.rules.length ?? 0) > 0 || sourcePolicySession !== "") {
    throw notImplemented("source policies are not supported by this engine");
  }
}

function exportersOf(request: Read<typeof SolveRequest>): Read<typeof Exporter>[] {
  const { exporters, exporter: type, exporterAttrs: attrs } = request;
  if (exporters.length > 0) return [...exporters];
  return type === "" ? [] : [{ type, attrs }];
}

/** The solve's own frontend, or what the client's decides on; null where it wants nothing built. */
async function frontendRequest(request: Read<typeof SolveRequest>, job: Job): Promise<FrontendRequest | null> {
  const { frontend, frontendAttrs: attributes, frontendInputs: inputs, cache } = request;
  if (frontend !== "") return { frontend, attributes, inputs, cacheImports: cache?.imports ?? [] };
  const aborted = new Promise<never>((_, reject) => {
    job.signal.addEventListener("abort", () => reject(job.signal.reason), { once: true });
  });
  const returned = await Promise.race([job.returned.promise, aborted]);
  if ("failure" in returned) throw returned.failure satisfies GrpcError;
  if (returned.result === null) return null;
  return { ...returned.result, cacheImports: [...returned.result.cacheImports, ...(cache?.imports ?? [])] };
}

function usageRecord(entry: CacheEntry): object {
  return {
    id: entry.id,
    mutable: entry.type !== "regular",
    inUse: entry.inUse,
    size: entry.size,
    createdAt: timestamp(Date.parse(entry.createdAt)),
    lastUsedAt: timestamp(Date.parse(entry.lastUsedAt)),
    usageCount: entry.usageCount,
    description: entry.description,
    recordType: entry.type,
    shared: entry.shared,
  };
}

/** containerd's filters: any of the list, each all of its `field==value` and `field~=expression` parts. */
function filterOf(given: readonly string[]): (entry: CacheEntry) => boolean {
  // Clients send an empty one for none.
  const filters = given.filter((filter) => filter !== "");
  if (filters.length === 0) return () => true;
  const all = filters.map((filter) => filter.split(",").map(readTerm));
  return (entry) => all.some((terms) => terms.every((term) => term(entry)));
}

function readTerm(text: string): (entry: CacheEntry) => boolean {
  const match = /^(\w+)(==|!=|~=)"?([^"]*)"?$/.exec(text.trim());
  const fields: Readonly<Record<string, (entry: CacheEntry) => string>> = {
    id: ({ id }) => id,
    type: ({ type }) => type,
    recordtype: ({ type }) => type,
    description: ({ description }) => description,
    inuse: ({ inUse }) => String(inUse),
    shared: ({ shared }) => String(shared),
    mutable: ({ type }) => String(type !== "regular"),
    immutable: ({ type }) => String(type === "regular"),
  };
  if (match === null) {
    const flag = fields[text.trim()];
    if (flag === undefined) throw invalidArgument(`invalid filter ${JSON.stringify(text)}`);
    return (entry) => flag(entry) === "true";
  }
  const [, name = "", operator, value = ""] = match;
  const field = fields[name];
  if (field === undefined) throw invalidArgument(`invalid filter ${JSON.stringify(text)}: unknown field ${name}`);
  if (operator === "~=") return (entry) => field(entry).includes(value);
  return (entry) => (field(entry) === value) === (operator === "==");
}
