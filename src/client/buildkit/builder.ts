/** BuildKit's Control service of a daemon: builds, the workers, the cache. */
import { randomUUID } from "node:crypto";
import { Control } from "../../api/buildkit/control.ts";
import { buildIdHeader, LLBBridge } from "../../api/buildkit/gateway.ts";
import type { WorkerRecord } from "../../api/buildkit/types.ts";
import { GrpcClient } from "../../lib/grpc/client.ts";
import { GrpcError } from "../../lib/grpc/status.ts";
import type { Read } from "../../lib/protobuf/message.ts";
import type { Client } from "../client.ts";
import { duplexOf } from "../duplex.ts";
import { statusOf } from "./decode-status.ts";
import type { BuildStatus } from "./status.ts";

/** A build as the builder is asked for it. */
export interface SolveRequest {
  /** Of the session that offers the files. */
  readonly session: string;
  readonly frontend: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly exporters: readonly TypedAttributes[];
  readonly cacheFrom: readonly TypedAttributes[];
  readonly cacheTo: readonly TypedAttributes[];
  /** What RUN is granted. */
  readonly entitlements: readonly string[];
}

export interface TypedAttributes {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

export interface SolveOptions {
  readonly signal: AbortSignal;
  readonly onStatus: (status: BuildStatus) => void;
}

export interface SolveResult {
  readonly ref: string;
  /** What the exporters tell: digests, names. */
  readonly response: ReadonlyMap<string, string>;
}

const mapOf = (values: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(values));
const typed = ({ type, attrs }: TypedAttributes) => ({ type, attrs: mapOf(attrs) });

export class Builder implements AsyncDisposable {
  readonly #grpc: GrpcClient;

  private constructor(grpc: GrpcClient) {
    this.#grpc = grpc;
  }

  static async connect(client: Client): Promise<Builder> {
    const { stream } = await client.hijack({ method: "POST", path: "/grpc" }, { protocol: "h2c" });
    return new Builder(new GrpcClient(duplexOf(stream)));
  }

  /** Builds, telling how it goes; rejects with {@link GrpcError}, `details` of which say where in the file. */
  async solve(request: SolveRequest, options: SolveOptions): Promise<SolveResult> {
    const ref = newRef();
    const response = await this.#follow(ref, options, (signal) =>
      this.#grpc.call(Control.Solve, { ...this.#input(ref, request), frontend: request.frontend }, { signal }),
    );
    return { ref, response: response.exporterResponse };
  }

  /** Asks a frontend for something else than a build (`requestid`); what it answers by name. */
  async ask(request: SolveRequest, options: SolveOptions): Promise<ReadonlyMap<string, Uint8Array>> {
    const ref = newRef();
    let answer: ReadonlyMap<string, Uint8Array> = new Map();
    await this.#follow(ref, options, async (signal) => {
      const metadata = new Map([[buildIdHeader, [ref]]]);
      const open = this.#grpc.call(Control.Solve, this.#input(ref, { ...request, attributes: {} }), { signal });
      const asked = (async () => {
        await this.#pinged(metadata, signal);
        const { result } = await this.#grpc.call(
          LLBBridge.Solve,
          { frontend: request.frontend, frontendOpt: mapOf(request.attributes), allowResultReturn: true },
          { metadata, signal },
        );
        answer = result?.metadata ?? answer;
        await this.#grpc.call(LLBBridge.Return, { result: { metadata: answer } }, { metadata, signal });
      })();
      await Promise.all([asked, open.catch((error: unknown) => Promise.race([asked, Promise.reject(error)]))]);
    });
    return answer;
  }

  /** The build is there a moment after it was asked for. */
  async #pinged(metadata: ReadonlyMap<string, readonly string[]>, signal: AbortSignal): Promise<void> {
    await this.#grpc.call(LLBBridge.Ping, {}, { metadata, signal, deadlineMs: 10_000 });
  }

  #input(ref: string, { session, attributes, exporters, cacheFrom, cacheTo, entitlements }: SolveRequest) {
    return {
      ref,
      session,
      frontendAttrs: mapOf(attributes),
      exporters: exporters.map(typed),
      cache: { imports: cacheFrom.map(typed), exports: cacheTo.map(typed) },
      entitlements,
    };
  }

  /** Runs `work` beside the status stream of its build, and waits for both to end. */
  async #follow<T>(
    ref: string,
    { signal, onStatus }: SolveOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const over = new AbortController();
    const following = (async () => {
      for await (const status of this.#grpc.stream(Control.Status, { ref }, { signal: over.signal }))
        onStatus(statusOf(status));
    })();
    following.catch(() => undefined);
    try {
      return await work(signal);
    } finally {
      // The stream ends by itself with the build; a builder that does not know the build any more must not hold us.
      const timer = setTimeout(() => over.abort(), 3000);
      await following.catch(() => undefined);
      clearTimeout(timer);
    }
  }

  /** The daemon's one worker. */
  async worker(): Promise<Read<typeof WorkerRecord> | null> {
    const { record } = await this.#grpc.call(Control.ListWorkers, {});
    return record[0] ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#grpc[Symbol.asyncDispose]();
  }
}

const newRef = (): string => randomUUID().replaceAll("-", "").slice(0, 25);

export { GrpcError };
