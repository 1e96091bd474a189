/**
 * The typed client of the Engine API, for any daemon that speaks it. It keeps one idle connection, agrees on the API
 * version with the daemon's `/_ping` before the first request, and turns failures into {@link ApiError}.
 */
import { maxApiVersion, minApiVersion } from "../api/paths.ts";
import { parseJson, stringifyJson } from "../lib/json.ts";
import { compareVersions } from "../lib/version-order.ts";
import { refusal, textOf } from "./answer.ts";
import type { ByteStream } from "./byte-stream.ts";
import { Connection, type ConnectionOptions, isRepeatable, type Request, type Sent } from "./connection.ts";
import { exchangePair, type HeaderFields, type HttpAnswer, isWhole, type RequestBody } from "./http1.ts";
import type { RouteCall } from "./route-call.ts";

/** The daemon's refusal: its HTTP status and its own words. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;

  constructor(status: number, message: string, headers: ReadonlyMap<string, string> = new Map()) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The daemon could not be reached; `code` is the system's (`ENOENT`, `ECONNREFUSED`, `EACCES`, ...). */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: string;

  constructor(message: string, code: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export interface CallOptions {
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: RequestBody;
  readonly headers?: HeaderFields;
  /** Aborting closes the connection. */
  readonly signal?: AbortSignal;
}

/** A hijacked connection: raw bytes both ways. */
export interface Hijacked {
  readonly stream: ByteStream;
  /** `application/vnd.docker.raw-stream` or `...multiplexed-stream`, or dhow's own, when the daemon says. */
  readonly contentType: string;
  readonly headers: ReadonlyMap<string, string>;
}

export interface ClientOptions extends ConnectionOptions {
  /** Fixed by DOCKER_API_VERSION: then nothing is negotiated. */
  readonly apiVersion?: string;
}

/** What `/_ping` tells. */
export interface PingInfo {
  readonly apiVersion: string;
  readonly osType: string;
  readonly experimental: boolean;
  readonly builderVersion: string;
}

export class Client {
  readonly #connection: Connection;
  #version: string | null;
  #ping: PingInfo | null = null;

  constructor(options: ClientOptions) {
    this.#connection = new Connection(options);
    this.#version = options.apiVersion ?? null;
  }

  /** The version that requests carry, agreed on with the daemon. */
  async apiVersion(): Promise<string> {
    if (this.#version === null) await this.ping();
    return this.#version!;
  }

  /** Asks the daemon what it is; the first answer also settles the API version. */
  async ping(): Promise<PingInfo> {
    if (this.#ping) return this.#ping;
    let sent = await this.#connection.send(pingRequest);
    if (sent.answer.status >= 400) {
      await this.#connection.finish(sent);
      sent = await this.#connection.send({ ...pingRequest, method: "GET" });
    }
    const info = this.#learn(sent.answer);
    await this.#connection.finish(sent);
    return info;
  }

  #learn({ headers }: HttpAnswer): PingInfo {
    const offered = headers.get("api-version") ?? minApiVersion;
    this.#version ??= compareVersions(offered, maxApiVersion) < 0 ? offered : maxApiVersion;
    this.#ping = {
      apiVersion: offered,
      osType: headers.get("ostype") ?? "",
      experimental: headers.get("docker-experimental") === "true",
      builderVersion: headers.get("builder-version") ?? "",
    };
    return this.#ping;
  }

  /** A request whose answer is JSON (or empty: then undefined). */
  async json<T>(route: RouteCall, options: CallOptions = {}): Promise<T> {
    return (await this.jsonAndHeaders<T>(route, options)).value;
  }

  /** As {@link json}, with the answer's headers. */
  async jsonAndHeaders<T>(
    route: RouteCall,
    options: CallOptions = {},
  ): Promise<{
    value: T;
    status: number;
    headers: ReadonlyMap<string, string>;
  }> {
    const sent = await this.#call(route, options);
    const text = await textOf(sent.answer);
    await this.#connection.finish(sent);
    const { status, headers } = sent.answer;
    const value = (text.trim() === "" ? undefined : parseJson(text)) as T;
    return { value, status, headers };
  }

  /** The answer's body as text, exactly as sent. */
  async text(route: RouteCall, options: CallOptions = {}): Promise<string> {
    const sent = await this.#call(route, options);
    const text = await textOf(sent.answer);
    await this.#connection.finish(sent);
    return text;
  }

  /** The answer's headers alone. */
  async head(route: RouteCall, options: CallOptions = {}): Promise<ReadonlyMap<string, string>> {
    const sent = await this.#call(route, options);
    await this.#connection.finish(sent);
    return sent.answer.headers;
  }

  /** The answer's body piece by piece; leaving the loop early closes the connection. */
  async stream(
    route: RouteCall,
    options: CallOptions = {},
  ): Promise<{ headers: ReadonlyMap<string, string>; body: AsyncGenerator<Uint8Array, void> }> {
    const sent = await this.#call(route, options);
    const finish = (): Promise<void> => this.#connection.finish(sent);
    async function* pieces(): AsyncGenerator<Uint8Array, void> {
      try {
        yield* sent.answer.body;
      } finally {
        await finish();
      }
    }
    return { headers: sent.answer.headers, body: pieces() };
  }

  /** A stream of JSON values, as progress and events come. */
  async *jsonStream<T>(route: RouteCall, options: CallOptions = {}): AsyncGenerator<T, void> {
    const { body } = await this.stream(route, options);
    const decoder = new TextDecoder();
    let rest = "";
    for await (const piece of body) {
      rest += decoder.decode(piece, { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") yield parseJson(line) as T;
    }
    if (rest.trim() !== "") yield parseJson(rest) as T;
  }

  /**
   * Turns a POST into a raw stream (attach, exec start, session). `early` allows it to be sent right behind the first ping, which
   * only a request with a whole body may be, and only where the daemon is no worse off for it.
   */
  async hijack(
    route: RouteCall,
    options: CallOptions & { protocol?: string; early?: boolean } = {},
  ): Promise<Hijacked> {
    const headers = { Connection: "Upgrade", Upgrade: options.protocol ?? "tcp", ...options.headers };
    const { stream, answer } = await this.#call(route, { ...options, headers });
    return { stream, contentType: answer.headers.get("content-type") ?? "", headers: answer.headers };
  }

  /** Closes the idle connection, so that the process may end. */
  close(): void {
    this.#connection.close();
  }

  async #call(route: RouteCall, options: CallOptions & { early?: boolean }): Promise<Sent> {
    const { method, path } = route;
    const body = options.json === undefined ? options.body : stringifyJson(options.json);
    const headers: HeaderFields = { ...options.headers };
    if (options.json !== undefined) headers["Content-Type"] = "application/json";
    options.signal?.throwIfAborted();
    const request = { method, path, headers, ...(body !== undefined && { body }) };
    const alone = request.headers.Upgrade !== undefined && !options.early;
    const first = alone ? null : await this.#firstCall(request, options.signal);
    const sent = first ?? (await this.#versionedCall(request, options.signal));
    if (sent.answer.status < 400) return sent;
    throw await this.#refusal(sent, request);
  }

  /** Reads a refused request's answer to its end. */
  async #refusal(sent: Sent, { method, path }: Call): Promise<ApiError> {
    const text = method === "HEAD" ? "" : await textOf(sent.answer);
    await this.#connection.finish(sent);
    return new ApiError(sent.answer.status, refusal(sent.answer, text, path), sent.answer.headers);
  }

  async #versionedCall({ path, ...request }: Call, signal: AbortSignal | undefined): Promise<Sent> {
    return this.#connection.send({ ...request, target: `/v${await this.apiVersion()}${path}` }, signal);
  }

  /**
   * The first request goes right behind the `/_ping` that settles the version, in the newest version we speak: one round
   * trip less. Its answer counts whatever the ping says, for the daemon has acted on it; but a daemon that does not speak
   * that version refuses before it does anything else. Null then, and when the request does not allow it (a streamed body,
   * a hijack), means that it has to be sent by itself.
   */
  async #firstCall(call: Call, signal: AbortSignal | undefined): Promise<Sent | null> {
    const { path, ...request } = call;
    if (this.#version !== null || !isWhole(request.body)) return null;
    const target = `/v${maxApiVersion}${path}`;
    const whole = request as typeof request & { body?: Uint8Array | string };
    const sent = await this.#connection.use(signal, isRepeatable(call), async (stream) => {
      const [ping, answer] = await exchangePair(
        stream,
        this.#connection.complete(pingRequest),
        this.#connection.complete({ ...whole, target }),
      );
      if (ping.status < 400) this.#learn(ping);
      if (answer === null) stream.close();
      return answer && { stream, answer };
    });
    if (sent === null || this.#version === maxApiVersion) return sent;
    if (sent.answer.status === 400) {
      const error = await this.#refusal(sent, call);
      if (call.method === "HEAD" || /\bversion\b|newer than server/.test(error.message)) return null;
      throw error;
    }
    // A ping that failed settles nothing; the version that was just understood does.
    this.#version ??= maxApiVersion;
    return sent;
  }
}

/** A request whose target is not versioned yet. */
type Call = Omit<Request, "target" | "headers"> & { readonly path: string; readonly headers: HeaderFields };

const pingRequest: Request = { method: "HEAD", target: "/_ping" };
