/** The answering side of gRPC, over one connection that speaks HTTP/2 in the clear. */
import {
  constants,
  createServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import type { Fields, InputOf, MessageOf } from "../protobuf/message.ts";
import { readFrames, Unfinished, writeFrame } from "./frames.ts";
import { type Metadata, readMetadata } from "./metadata.ts";
import type { Method, Service, Streams } from "./service.ts";
import { formatStatus, GrpcError, statusCodes, statusOf } from "./status.ts";

/** A call as its handler sees it. */
export interface ServerCall<Q extends Fields = Fields, A extends Fields = Fields> {
  readonly metadata: Metadata;
  /** Aborts when the caller is gone, has given up, or its deadline has passed. */
  readonly signal: AbortSignal;
  /** Once, in order. */
  readonly requests: AsyncIterable<MessageOf<Q>>;
  /** Resolves when more can be sent. */
  send(response: InputOf<A>): Promise<void>;
}

type Unary<Q extends Fields, A extends Fields> = (
  request: MessageOf<Q>,
  call: ServerCall<Q, A>,
) => Promise<InputOf<A>> | InputOf<A>;
type ToMany<Q extends Fields, A extends Fields> = (request: MessageOf<Q>, call: ServerCall<Q, A>) => Promise<void>;
type FromMany<Q extends Fields, A extends Fields> = (call: ServerCall<Q, A>) => Promise<InputOf<A>>;
type Both<Q extends Fields, A extends Fields> = (call: ServerCall<Q, A>) => Promise<void>;

type HandlerOf<M> =
  M extends Method<infer Q, infer A, infer S>
    ? S extends "none"
      ? Unary<Q, A>
      : S extends "response"
        ? ToMany<Q, A>
        : S extends "request"
          ? FromMany<Q, A>
          : Both<Q, A>
    : never;

/** Handlers of a service's methods; what has none, is answered as unimplemented. */
export type HandlersOf<S> = { readonly [K in keyof S]?: HandlerOf<S[K]> };

type Bound = { readonly method: Method; readonly answer: (call: ServerCall) => Promise<void> };
/** Methods by path. */
export type Bindings = ReadonlyMap<string, Bound>;

type LooseHandler = (...args: unknown[]) => Promise<InputOf<Fields> | undefined>;

/** Binds handlers to their methods; several services are several arguments' entries in one map. */
export function bind<const S extends { readonly [K in keyof S]: Service[string] }>(
  service: S,
  handlers: HandlersOf<S>,
): [string, Bound][] {
  return Object.entries(handlers).map(([name, handler]) => {
    const method = (service as unknown as Service)[name]!;
    return [method.path, { method, answer: answering(method.streams, handler as LooseHandler) }];
  });
}

function answering(streams: Streams, handler: LooseHandler): (call: ServerCall) => Promise<void> {
  return async (call) => {
    const takesOne = streams === "none" || streams === "response";
    const result = takesOne ? await handler(await onlyRequest(call), call) : await handler(call);
    if ((streams === "none" || streams === "request") && result !== undefined) await call.send(result);
  };
}

async function onlyRequest(call: ServerCall): Promise<unknown> {
  let first: unknown;
  for await (const request of call.requests) {
    if (first !== undefined) throw new GrpcError(statusCodes.unimplemented, "more than one request");
    first = request;
  }
  if (first === undefined) throw new GrpcError(statusCodes.unimplemented, "no request");
  return first;
}

const maxStreams = 256;
/** More streams than that reset by the other side within a second, and the connection is cut. */
const maxResetsPerSecond = 200;

export interface GrpcConnection extends Disposable {
  /** Resolves when the connection is over, for whatever reason. */
  readonly closed: Promise<void>;
}

/** Answers calls on the connection until it ends; it is closed with the result. */
export function serveGrpc(connection: Duplex, bindings: Bindings): GrpcConnection {
  const server = createServer({
    settings: { maxConcurrentStreams: maxStreams, initialWindowSize: 1 << 20, maxHeaderListSize: 64 << 10 },
    maxSessionMemory: 64,
    maxHeaderListPairs: 2000,
  });
  const resets = new ResetCounter();
  const unfinished = new Unfinished();
  const close = (): void => {
    session?.destroy();
    connection.destroy();
  };
  let session: Http2Session | undefined;
  const closed = new Promise<void>((resolve) => {
    connection.on("close", () => {
      session?.destroy();
      resolve();
    });
    connection.on("error", close);
    server.on("session", (one) => {
      session = one;
      one.on("error", close);
      one.on("close", () => connection.destroy());
    });
    server.on("sessionError", close);
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => {
    // Node gives the headers as they were sent behind the flags.
    const raw = rest.find((one): one is string[] => Array.isArray(one));
    stream.on("close", () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && resets.isTooMany()) close();
    });
    void answer(stream, { headers, raw }, bindings, unfinished);
  });
  server.emit("connection", connection);
  return { closed, [Symbol.dispose]: close };
}

/** Counts streams that are opened to be reset (CVE-2023-44487). */
class ResetCounter {
  #since = 0;
  #count = 0;

  isTooMany(): boolean {
    const now = performance.now();
    if (now - this.#since > 1000) {
      this.#since = now;
      this.#count = 0;
    }
    return ++this.#count > maxResetsPerSecond;
  }
}

async function answer(
  stream: ServerHttp2Stream,
  { headers, raw }: { headers: IncomingHttpHeaders; raw: readonly string[] | undefined },
  bindings: Bindings,
  unfinished: Unfinished,
): Promise<void> {
  const reply = new Reply(stream);
  const path = String(headers[":path"]);
  const bound = bindings.get(path);
  if (bound === undefined) {
    const [, service = "", method = ""] = path.split("/");
    const isKnown = [...bindings.keys()].some((known) => known.startsWith(`/${service}/`));
    const what = isKnown ? `unknown method ${method} for service ${service}` : `unknown service ${service}`;
    reply.end(new GrpcError(statusCodes.unimplemented, what));
    return;
  }
  const gone = new AbortController();
  const timer = deadlineOf(headers, gone);
  stream.on("close", () => gone.abort(new GrpcError(statusCodes.canceled, "context canceled")));
  const { method } = bound;
  try {
    await bound.answer({
      metadata: readMetadata(headers, raw),
      signal: gone.signal,
      requests: decoded(readFrames(stream, unfinished), method),
      send: async (response) => {
        reply.begin();
        await writeFrame(stream, method.response.encode(response));
      },
    });
    reply.end(null);
  } catch (error) {
    reply.end(statusOf(error));
  } finally {
    clearTimeout(timer);
  }
}

async function* decoded(frames: AsyncIterable<Buffer>, { request }: Method): AsyncGenerator<MessageOf<Fields>> {
  for await (const frame of frames) yield request.decode(frame);
}

const timeoutUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

function deadlineOf(headers: IncomingHttpHeaders, gone: AbortController): NodeJS.Timeout | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(String(headers["grpc-timeout"] ?? ""));
  if (match === null) return undefined;
  const ms = Math.min(Number(match[1]) * timeoutUnits[match[2]!]!, 2 ** 31 - 1);
  return setTimeout(
    () => gone.abort(new GrpcError(statusCodes.deadlineExceeded, "context deadline exceeded")),
    ms,
  ).unref();
}

const replyHeaders = { ":status": 200, "content-type": "application/grpc" };

class Reply {
  readonly #stream: ServerHttp2Stream;
  #trailers: Record<string, string> = formatStatus(null);

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
    stream.on("error", () => {});
    stream.on("wantTrailers", () => stream.sendTrailers(this.#trailers));
  }

  begin(): void {
    if (this.#stream.headersSent || this.#stream.destroyed) return;
    this.#stream.respond(replyHeaders, { waitForTrailers: true });
  }

  end(error: GrpcError | null): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    this.#trailers = formatStatus(error);
    // What the caller still sends is not read any more, and must not hold the connection's window; and it is told to stop.
    stream.resume();
    if (!stream.readableEnded) stream.once("finish", () => stream.close(constants.NGHTTP2_NO_ERROR));
    if (!stream.headersSent && error !== null) {
      stream.respond({ ...replyHeaders, ...this.#trailers }, { endStream: true });
      return;
    }
    this.begin();
    stream.end();
  }
}
