/** One solve: a frontend's request, with the client's session, made into a build, and its result told in BuildKit's words. */
import { type Definition, Op } from "../../../api/buildkit/ops.ts";
import type { Builder, BuildRequest, BuiltImage } from "../../../builder/builder.ts";
import { isOwnFrontend } from "../../../builder/dockerfile/syntax/directives.ts";
import type { KeptResult } from "../../../builder/kept-result.ts";
import type { CacheTransfer, ClientBlobs } from "../../../builder/request-results.ts";
import type { MainContext } from "../../../builder/request-sources.ts";
import type { ClientSession, Sessions } from "../../../builder/session/sessions.ts";
import { invalidArgument, messageOf, notFound, notImplemented } from "../../../lib/errors.ts";
import type { Operation } from "../../../lib/operation.ts";
import { Timings } from "../../../lib/operation.ts";
import type { Read, Written } from "../../../lib/protobuf/message.ts";
import type { FrontendRequest, Job, Jobs } from "./jobs.ts";
import type { Vertex } from "./progress.ts";
import { readAttributes } from "./solve-request.ts";
import {
  cacheTransfers,
  clientFiles,
  mainContext,
  outputsOf,
  sessionAuths,
  sourcesOf,
  withDirectory,
} from "./solve-sources.ts";
import { failureOf } from "./source-info.ts";
import { StepProgress } from "./step-progress.ts";

/** What a solve is to leave. */
export interface SolveResults {
  readonly exporters: Parameters<typeof outputsOf>[0];
  readonly cacheExports: readonly CacheTransfer[];
}

export type SolveBackend = Pick<Builder, "build" | "inspect" | "keepResult" | "contexts" | "cacheRules">;

/** What solves share. */
export interface SolveParts {
  readonly builds: SolveBackend;
  readonly sessions: Sessions;
  readonly jobs: Jobs;
}

export class Solve {
  readonly #parts: SolveParts;
  readonly #builds: SolveBackend;
  readonly #job: Job;
  readonly #request: FrontendRequest;
  readonly #session: ClientSession | null;
  readonly #op: Operation;

  private constructor(parts: SolveParts, job: Job, request: FrontendRequest, session: ClientSession | null) {
    this.#parts = parts;
    this.#builds = parts.builds;
    this.#job = job;
    this.#request = request;
    this.#session = session;
    const signal = session === null ? job.signal : AbortSignal.any([job.signal, session.gone]);
    this.#op = { signal, timings: new Timings() };
  }

  static async open(parts: SolveParts, job: Job, request: FrontendRequest): Promise<Solve> {
    checkFrontend(request);
    const session = job.session === "" ? null : await parts.sessions.get(job.session, job.signal);
    return new Solve(parts, job, request, session);
  }

  get op(): Operation {
    return this.#op;
  }

  /** The request for the builder, and where its files come from. */
  read({ exporters, cacheExports }: SolveResults): { request: BuildRequest; context: MainContext } {
    const { attributes, cacheImports } = this.#request;
    const session = this.#session;
    const { outputs, names } = outputsOf(exporters, session, this.#op);
    const { entitlements, progress } = this.#job;
    const read = readAttributes({ attributes, cacheImports: cacheTransfers(cacheImports), cacheExports, entitlements });
    const request: BuildRequest = {
      ...read,
      cacheFrom: read.cacheFrom.map((transfer) => withDirectory(transfer, session)),
      cacheTo: read.cacheTo.map((transfer) => withDirectory(transfer, session)),
      names,
      auths: sessionAuths(session, this.#op),
      ...sourcesOf(session),
      clientFiles: session && clientFiles(session, this.#builds.contexts, attributes, progress),
      outputs,
    };
    return { request, context: mainContext(session, attributes, this.#op) };
  }

  /** The request with the results of other builds that it begins at: they are built now, and stand in for layouts of the client's. */
  async #withInputs(request: BuildRequest, held: AsyncDisposableStack): Promise<BuildRequest> {
    const namedContexts = new Map(request.namedContexts);
    const layouts = new Map<string, ClientBlobs>();
    for (const [name, address] of request.namedContexts) {
      if (!address.startsWith(inputPrefix)) continue;
      const { blobs, digest } = held.use(await this.#keep(address.slice(inputPrefix.length)));
      const store = `input-${layouts.size}`;
      layouts.set(store, blobs);
      namedContexts.set(name, `oci-layout://${store}@${digest}`);
    }
    const { clientFiles } = request;
    if (layouts.size === 0 || clientFiles === null) return request;
    const layout = (store: string): ClientBlobs => layouts.get(store) ?? clientFiles.layout!(store);
    return { ...request, namedContexts, clientFiles: { ...clientFiles, layout } };
  }

  async #keep(input: string): Promise<KeptResult> {
    const definition = this.#request.inputs.get(input);
    const id = definition === undefined ? null : promisedBy(definition);
    const promised = id === null ? null : this.#parts.jobs.promised(id);
    if (promised === null) throw notFound(`no such result: ${input}`);
    const { job, request } = promised;
    const other = await Solve.open(this.#parts, job, request);
    const { request: wanted, context } = other.read({ exporters: [], cacheExports: [] });
    const signal = AbortSignal.any([this.#op.signal, other.op.signal]);
    await using held = new AsyncDisposableStack();
    const op = { ...this.#op, signal };
    // Whichever of the two builds does a step, its client is shown what it says.
    const steps = new StepProgress(job.progress, () => {});
    const whole = await other.#withInputs(wanted, held);
    return await this.#builds.keepResult(whole, context, steps.tell, op);
  }

  /** Builds, and gives what the exporters have to tell. */
  async run(results: SolveResults): Promise<ReadonlyMap<string, string>> {
    let exporting: Vertex | undefined;
    const { progress } = this.#job;
    const steps = new StepProgress(progress, () => {
      exporting ??= progress.vertex(exportTitle(results.exporters), "export").start();
    });
    try {
      const { request, context } = this.read(results);
      await using held = new AsyncDisposableStack();
      const whole = await this.#withInputs(request, held);
      const built = await this.#builds.build(whole, context, steps.tell, this.#op);
      if (exporting !== undefined) tellExported(exporting, built);
      return new Map(Object.entries(factsOf(built)));
    } catch (thrown) {
      const error = this.#op.signal.aborted ? this.#op.signal.reason : thrown;
      const failure = failureOf(error, undefined);
      const failed = steps.fail(failure.message);
      if (exporting !== undefined && failed === undefined) exporting.finish({ error: messageOf(error) });
      throw failureOf(error, failed);
    }
  }
}

function checkFrontend({ frontend, attributes, inputs }: FrontendRequest): void {
  const source = attributes.get("source") ?? "";
  if (frontend === "gateway.v0" && !isOwnFrontend(source)) {
    throw notImplemented(`the frontend ${source} cannot be run: this builder reads Dockerfiles itself`);
  }
  if (frontend !== "dockerfile.v0" && frontend !== "gateway.v0") throw invalidArgument(`unknown frontend: ${frontend}`);
  for (const [name, definition] of inputs) {
    if (promisedBy(definition) === null) {
      throw notImplemented(`input ${name} is a graph of LLB, which this builder cannot run: it reads Dockerfiles only`);
    }
  }
}

/** What a context's address begins with that is an input of the solve. */
const inputPrefix = "input:";

const promisePrefix = "dhow-result://";

/** Stands for a result that is not built yet: clients hand it on as the input of another build. */
export function promiseOf(id: string): Written<typeof Definition> {
  const source = Op.encode({ source: { identifier: promisePrefix + id } });
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update(source).digest("hex")}`;
  const result = Op.encode({ inputs: [{ digest, index: 0 }] });
  return { def: [source, result], metadata: new Map([[digest, {}]]) };
}

/** The id of the result that a graph stands for; null for every other graph. */
export function promisedBy({ def }: Read<typeof Definition>): string | null {
  for (const bytes of def) {
    const identifier = Op.decode(bytes).source?.identifier ?? "";
    if (identifier.startsWith(promisePrefix)) return identifier.slice(promisePrefix.length);
  }
  return null;
}

function exportTitle(exporters: SolveResults["exporters"]): string {
  switch (exporters[0]?.type) {
    case "local":
      return "exporting to client directory";
    case "tar":
      return "exporting to client tarball";
    case "oci":
      return "exporting to oci image format";
    case "docker":
      return "exporting to docker image format";
    default:
      return "exporting to image";
  }
}

function tellExported(vertex: Vertex, { id, names }: BuiltImage): void {
  if (id !== "") vertex.status(`writing image ${id}`).finish();
  for (const name of names) vertex.status(`naming to ${name}`).finish();
  vertex.finish();
}

function factsOf({ id, facts }: BuiltImage): Record<string, string> {
  return id === "" ? { ...facts } : { "containerimage.config.digest": id, "containerimage.digest": id, ...facts };
}
