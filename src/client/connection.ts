/** The connection of a client: one that is kept while it is idle, or a new one; requests complete with the client's own headers. */
import type { ByteStream } from "./byte-stream.ts";
import { exchange, type HeaderFields, type HttpAnswer, isWhole, type RequestBody } from "./http1.ts";

export interface ConnectionOptions {
  readonly connect: () => Promise<ByteStream>;
  /** The Host header. */
  readonly host: string;
  readonly headers?: Record<string, string>;
  readonly userAgent: string;
}

export interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers?: HeaderFields;
  readonly body?: RequestBody;
}

/** An answer, and the stream that the rest of it comes on. */
export interface Sent {
  readonly stream: ByteStream;
  readonly answer: HttpAnswer;
}

/** A request that may be sent twice: a daemon that has acted on another one before the connection broke would act again. */
export function isRepeatable({ method, body }: Pick<Request, "method" | "body">): boolean {
  return (method === "GET" || method === "HEAD") && isWhole(body);
}

export class Connection {
  readonly #options: ConnectionOptions;
  #idle: ByteStream | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  complete<R extends { readonly headers?: HeaderFields }>(request: R): R & { headers: HeaderFields } {
    const common = { Host: this.#options.host, "User-Agent": this.#options.userAgent, ...this.#options.headers };
    return { ...request, headers: { ...common, ...request.headers } };
  }

  send(request: Request, signal?: AbortSignal): Promise<Sent> {
    return this.use(signal, isRepeatable(request), async (stream) => ({
      stream,
      answer: await exchange(stream, this.complete(request)),
    }));
  }

  /** Does `exchanging` on the idle stream or a new one; `again` allows another try when the idle one breaks meanwhile. */
  async use<T>(
    signal: AbortSignal | undefined,
    again: boolean,
    exchanging: (stream: ByteStream) => Promise<T>,
  ): Promise<T> {
    if (this.#idle?.ended) this.close();
    const idle = this.#idle;
    this.#idle = null;
    const stream = idle ?? (await this.#options.connect());
    stream.keepAlive(true);
    const abort = (): void => stream.close();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await exchanging(stream);
    } catch (error) {
      signal?.throwIfAborted();
      stream.close();
      // The daemon may have closed a kept connection just as the request went out.
      if (idle && again) return this.use(signal, again, exchanging);
      throw error;
    }
  }

  /** The answer is read: keeps its stream for the next request where it allows that. */
  async finish({ answer, stream }: Sent): Promise<void> {
    if (answer.reusable() && !this.#idle) {
      stream.keepAlive(false);
      this.#idle = stream;
    } else stream.close();
  }

  /** Closes the idle stream. */
  close(): void {
    this.#idle?.close();
    this.#idle = null;
  }
}
