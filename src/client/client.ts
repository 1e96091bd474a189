/**
 * The typed client of the Engine API, for any daemon that speaks it. It keeps one idle connection, agrees on the API
 * version with the daemon's `/_ping` before the first request, and turns failures into {@link ApiError}.
 */
import type { Filters } from "../api/filters.ts";
import { formatTarget, type ParamsOf, type PathSpec, type QueryInput } from "../api/route-spec.ts";
import { parseJson, stringifyJson } from "../lib/json.ts";
import type { ByteStream } from "./byte-stream.ts";
import { exchange, type HttpAnswer, type RequestBody } from "./http1.ts";

/** The newest and oldest API versions this client speaks. */
export const newestApiVersion = "1.51";
export const oldestApiVersion = "1.24";

/** The daemon's refusal: its HTTP status and its own words. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
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
  readonly headers?: Record<string, string>;
  /** Aborting closes the connection. */
  readonly signal?: AbortSignal;
}

/** A route to call, as {@link to} makes it: the method, and the path with its query. */
export interface RouteCall {
  readonly method: string;
  readonly path: string;
}

/** A hijacked connection: raw bytes both ways. */
export interface Hijacked {
  readonly stream: ByteStream;
  /** `application/vnd.docker.raw-stream` or `...multiplexed-stream`, when the daemon says. */
  readonly contentType: string;
}

export interface ClientOptions {
  readonly connect: () => Promise<ByteStream>;
  /** The Host header. */
  readonly host: string;
  /** Fixed by DOCKER_API_VERSION: then nothing is negotiated. */
  readonly apiVersion?: string;
  readonly headers?: Record<string, string>;
  readonly userAgent: string;
}

/** What `/_ping` tells. */
export interface PingInfo {
  readonly apiVersion: string;
  readonly osType: string;
  readonly experimental: boolean;
  readonly builderVersion: string;
}

export class Client {
  readonly #options: ClientOptions;
  #idle: ByteStream | null = null;
  #version: string | null;
  #ping: PingInfo | null = null;

  constructor(options: ClientOptions) {
    this.#options = options;
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
    let answer = await this.#send({ method: "HEAD", target: "/_ping" });
    if (answer.answer.status >= 400) {
      await this.#finish(answer);
      answer = await this.#send({ method: "GET", target: "/_ping" });
    }
    const { headers } = answer.answer;
    const offered = headers.get("api-version") ?? oldestApiVersion;
    this.#version ??= compareVersions(offered, newestApiVersion) < 0 ? offered : newestApiVersion;
    this.#ping = {
      apiVersion: offered,
      osType: headers.get("ostype") ?? "",
      experimental: headers.get("docker-experimental") === "true",
      builderVersion: headers.get("builder-version") ?? "",
    };
    await this.#finish(answer);
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
    await this.#finish(sent);
    const { status, headers } = sent.answer;
    const value = (text.trim() === "" ? undefined : parseJson(text)) as T;
    return { value, status, headers };
  }

  /** The answer's body as text, exactly as sent. */
  async text(route: RouteCall, options: CallOptions = {}): Promise<string> {
    const sent = await this.#call(route, options);
    const text = await textOf(sent.answer);
    await this.#finish(sent);
    return text;
  }

  /** The answer's headers alone. */
  async head(route: RouteCall, options: CallOptions = {}): Promise<ReadonlyMap<string, string>> {
    const sent = await this.#call(route, options);
    await this.#finish(sent);
    return sent.answer.headers;
  }

  /** The answer's body piece by piece; leaving the loop early closes the connection. */
  async stream(
    route: RouteCall,
    options: CallOptions = {},
  ): Promise<{ headers: ReadonlyMap<string, string>; body: AsyncGenerator<Uint8Array, void> }> {
    const sent = await this.#call(route, options);
    const finish = (): Promise<void> => this.#finish(sent);
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

  /** Turns a POST into a raw stream (attach, exec start, session). */
  async hijack(route: RouteCall, options: CallOptions & { protocol?: string } = {}): Promise<Hijacked> {
    const headers = { Connection: "Upgrade", Upgrade: options.protocol ?? "tcp", ...options.headers };
    const sent = await this.#call(route, { ...options, headers });
    return { stream: sent.stream, contentType: sent.answer.headers.get("content-type") ?? "" };
  }

  /** Closes the idle connection, so that the process may end. */
  close(): void {
    this.#idle?.close();
    this.#idle = null;
  }

  async #call(route: RouteCall, options: CallOptions): Promise<Sent> {
    const { method, path } = route;
    const target = `/v${await this.apiVersion()}${path}`;
    const body = options.json === undefined ? options.body : stringifyJson(options.json);
    const headers: Record<string, string> = { ...options.headers };
    if (options.json !== undefined) headers["Content-Type"] = "application/json";
    options.signal?.throwIfAborted();
    const sent = await this.#send({ method, target, headers, ...(body !== undefined && { body }) }, options.signal);
    if (sent.answer.status < 400) return sent;
    const text = method === "HEAD" ? "" : await textOf(sent.answer);
    await this.#finish(sent);
    throw new ApiError(sent.answer.status, refusal(sent.answer, text, path));
  }

  async #send(
    request: { method: string; target: string; headers?: Record<string, string>; body?: RequestBody },
    signal?: AbortSignal,
  ): Promise<Sent> {
    const headers = {
      Host: this.#options.host,
      "User-Agent": this.#options.userAgent,
      ...this.#options.headers,
      ...request.headers,
    };
    const idle = this.#idle;
    this.#idle = null;
    const stream = idle ?? (await this.#options.connect());
    stream.keepAlive(true);
    const abort = (): void => stream.close();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return { stream, answer: await exchange(stream, { ...request, headers }) };
    } catch (error) {
      signal?.throwIfAborted();
      stream.close();
      // A kept connection may have been closed by the daemon between two requests.
      if (idle && (request.body === undefined || typeof request.body === "string")) return this.#send(request, signal);
      throw error;
    }
  }

  async #finish(sent: Sent): Promise<void> {
    if (sent.answer.reusable() && !this.#idle) {
      sent.stream.keepAlive(false);
      this.#idle = sent.stream;
    } else sent.stream.close();
  }
}

interface Sent {
  readonly stream: ByteStream;
  readonly answer: HttpAnswer;
}

async function textOf(answer: HttpAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of answer.body) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

function refusal(answer: HttpAnswer, text: string, path: string): string {
  if (answer.headers.get("content-type")?.startsWith("application/json")) {
    try {
      const { message } = parseJson(text) as { message?: unknown };
      if (typeof message === "string" && message.trim() !== "") return message.trim();
    } catch {
      // What is not JSON after all is shown as it came.
    }
  }
  const plain = text.trim();
  if (plain !== "") return plain;
  return `request returned ${answer.reason || answer.status} for API route and version ${path}, check if the server supports the requested API version`;
}

/**
 * Names a route with its parameters and query. Of the query, what is undefined or "" is left out, and so is a switch that is
 * off by itself.
 */
export function to<P extends PathSpec>(spec: P, params = {} as ParamsOf<P>, query: QueryInput<P> = {}): RouteCall {
  const said = Object.entries<unknown>(query).filter(
    ([name, value]) => value !== undefined && value !== "" && !(value === false && spec.query?.[name] === "flag"),
  );
  return { method: spec.method, path: formatTarget(spec, params, Object.fromEntries(said) as QueryInput<P>) };
}

/** What `--filter` gathered, for a query; undefined when there is nothing. */
export function filterQuery(filters: Record<string, readonly string[]>): Filters | undefined {
  const entries = Object.entries(filters);
  return entries.length === 0 ? undefined : new Map(entries);
}

/** Orders `1.9` before `1.24`. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
