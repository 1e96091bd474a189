/** The calling side of gRPC, over any connection that speaks HTTP/2 in the clear. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { Duplex } from "node:stream";
import type { Fields, InputOf, MessageOf } from "../protobuf/message.ts";
import { readFrames, Unfinished, writeFrame } from "./frames.ts";
import { type Metadata, writeMetadata } from "./metadata.ts";
import type { Method, Streams } from "./service.ts";
import { GrpcError, parseStatus, statusCodes, statusOf } from "./status.ts";

/** The message of calls that ended because their connection did. */
export const lostConnection = "the connection was closed";

export interface CallOptions {
  readonly metadata?: Metadata;
  readonly signal?: AbortSignal;
  /** How long the call may take. */
  readonly deadlineMs?: number;
}

/** A call under way. It gives its responses once, in order, and throws GrpcError where the other side failed it. */
export interface ClientCall<Q extends Fields, A extends Fields> extends AsyncDisposable {
  /** Resolves when more can be sent. */
  send(request: InputOf<Q>): Promise<void>;
  /** No more requests. */
  end(): void;
  readonly responses: AsyncIterable<MessageOf<A>>;
  /** Gives the call up. */
  cancel(): void;
}

export class GrpcClient implements AsyncDisposable {
  readonly #session: ClientHttp2Session;
  readonly #unfinished = new Unfinished();
  /** Resolves when the connection is over, for whatever reason. */
  readonly closed: Promise<void>;

  /** Takes the connection over, and closes it with itself. */
  constructor(connection: Duplex) {
    this.#session = connect("http://localhost", {
      createConnection: () => connection,
      settings: { enablePush: false, initialWindowSize: 1 << 20, maxHeaderListSize: 64 << 10 },
      maxSessionMemory: 64,
    });
    this.closed = new Promise((resolve) => {
      const over = (): void => {
        this.#session.destroy();
        connection.destroy();
        resolve();
      };
      this.#session.on("close", over);
      this.#session.on("error", over);
      this.#session.on("goaway", (code) => {
        if (code !== constants.NGHTTP2_NO_ERROR) over();
      });
      connection.on("close", over);
      // Whoever has stopped talking answers no call any more: HTTP/2 has no half of a connection.
      connection.on("end", over);
    });
  }

  get isClosed(): boolean {
    return this.#session.destroyed || this.#session.closed;
  }

  /** One request, one response. */
  async call<Q extends Fields, A extends Fields>(
    method: Method<Q, A, "none">,
    request: InputOf<Q>,
    options: CallOptions = {},
  ): Promise<MessageOf<A>> {
    await using call = this.open(method, options);
    await call.send(request);
    call.end();
    let answer: MessageOf<A> | undefined;
    for await (const response of call.responses) answer ??= response;
    if (answer === undefined) throw new GrpcError(statusCodes.internal, `${method.path} gave no response`);
    return answer;
  }

  /** One request, any number of responses. */
  async *stream<Q extends Fields, A extends Fields>(
    method: Method<Q, A, "response">,
    request: InputOf<Q>,
    options: CallOptions = {},
  ): AsyncGenerator<MessageOf<A>> {
    await using call = this.open(method, options);
    await call.send(request);
    call.end();
    yield* call.responses;
  }

  open<Q extends Fields, A extends Fields>(method: Method<Q, A, Streams>, options: CallOptions = {}): ClientCall<Q, A> {
    if (this.isClosed) throw new GrpcError(statusCodes.unavailable, "the connection is closed");
    const { metadata, deadlineMs } = options;
    const stream = this.#session.request({
      ...writeMetadata(metadata),
      ":method": "POST",
      ":path": method.path,
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "dhow",
      ...(deadlineMs === undefined ? {} : { "grpc-timeout": `${Math.ceil(deadlineMs)}m` }),
    });
    return new Http2Call(method, stream, { ...options, isLost: () => this.isClosed, unfinished: this.#unfinished });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.destroy();
    await this.closed;
  }
}

class Http2Call<Q extends Fields, A extends Fields> implements ClientCall<Q, A> {
  readonly #method: Method<Q, A>;
  readonly #stream: ClientHttp2Stream;
  readonly #ended: Promise<GrpcError | null>;
  readonly #signals: AbortSignal[];
  readonly #unfinished: Unfinished;
  #reason: unknown;
  #isOver = false;

  constructor(
    method: Method<Q, A>,
    stream: ClientHttp2Stream,
    { signal, deadlineMs, isLost, unfinished }: CallOptions & { isLost: () => boolean; unfinished: Unfinished },
  ) {
    this.#method = method;
    this.#unfinished = unfinished;
    this.#stream = stream;
    this.#ended = statusFrom(stream, isLost);
    void this.#ended.then(() => {
      this.#isOver = true;
    });
    const deadline = deadlineMs === undefined ? [] : [AbortSignal.timeout(deadlineMs)];
    this.#signals = [...(signal === undefined ? [] : [signal]), ...deadline];
    for (const one of this.#signals) {
      if (one.aborted) this.#giveUp(one.reason);
      else one.addEventListener("abort", this.#onAbort, { once: true });
    }
  }

  readonly #onAbort = (event: Event): void => this.#giveUp((event.target as AbortSignal).reason);

  #giveUp(reason: unknown): void {
    if (this.#isOver) return;
    const timedOut = reason instanceof DOMException && reason.name === "TimeoutError";
    this.#reason = timedOut ? new GrpcError(statusCodes.deadlineExceeded, "context deadline exceeded") : reason;
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  async send(request: InputOf<Q>): Promise<void> {
    try {
      await writeFrame(this.#stream, this.#method.request.encode(request));
    } catch (error) {
      throw await this.#failure(error);
    }
  }

  end(): void {
    this.#stream.end();
  }

  get responses(): AsyncIterable<MessageOf<A>> {
    return this.#responses();
  }

  async *#responses(): AsyncGenerator<MessageOf<A>> {
    try {
      for await (const frame of readFrames(this.#stream, this.#unfinished)) yield this.#method.response.decode(frame);
    } catch (error) {
      throw await this.#failure(error);
    }
    const status = await this.#ended;
    if (status !== null) throw this.#reason ?? status;
  }

  /** Why it really failed: what the other side says counts for more than what the stream says. */
  async #failure(error: unknown): Promise<unknown> {
    if (this.#reason !== undefined) return this.#reason;
    if (!this.#stream.destroyed) {
      if (error instanceof GrpcError) this.cancel();
      return statusOf(error);
    }
    return (await this.#ended) ?? statusOf(error);
  }

  cancel(): void {
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#signals) one.removeEventListener("abort", this.#onAbort);
    if (!this.#isOver) this.cancel();
  }
}

/** How the other side ended it; a stream that was cut off is `unavailable`. */
function statusFrom(stream: ClientHttp2Stream, isLost: () => boolean): Promise<GrpcError | null> {
  return new Promise((resolve) => {
    let cause: unknown;
    stream.on("response", (headers) => {
      if (headers["grpc-status"] !== undefined) resolve(parseStatus(headers));
      else if (headers[":status"] !== 200) {
        resolve(new GrpcError(statusCodes.unavailable, `unexpected HTTP status ${headers[":status"]}`));
      }
    });
    stream.on("trailers", (trailers) => resolve(parseStatus(trailers)));
    stream.on("error", (error) => {
      cause = error;
    });
    stream.on("close", () => {
      // Streams that end with their connection say so, too.
      const isCancelled = stream.rstCode === constants.NGHTTP2_CANCEL && !isLost();
      const text = isCancelled ? "context canceled" : lostConnection;
      // Trailers that came with the end are told after it.
      setImmediate(() =>
        resolve(new GrpcError(isCancelled ? statusCodes.canceled : statusCodes.unavailable, text, { cause })),
      );
    });
  });
}
