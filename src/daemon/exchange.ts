import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { PassThrough, type Readable } from "node:stream";
import { maxApiVersion } from "../api/paths.ts";
import { canceled } from "../lib/errors.ts";
import { type Operation, Timings } from "../lib/operation.ts";
import { version } from "../lib/version.ts";
import { plainHijackHeader } from "./front.ts";
import { upgradeBody } from "./upgrade-body.ts";

/** Headers of every reply. */
export const commonHeaders: Readonly<Record<string, string>> = {
  "Api-Version": maxApiVersion,
  "Docker-Experimental": "false",
  Ostype: "linux",
  Server: `dhow/${version} (linux)`,
};

/** The same as lines of a raw reply. */
export const commonHeaderText: string = Object.entries(commonHeaders)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join("");

/** A client that asks for it gets the timings of its request as the header `Server-Timing`. Streams have none: Bun sends no trailers
 * on connections that were accepted elsewhere. */
const timingsHeader = "dhow-timings";

/** How much of an unwanted body is read for the client's sake before the connection is cut. */
const politeBytes = 64 * 1024 * 1024;
const politeMs = 2_000;

/** One request and the way back, whether it came as a plain request or is to leave HTTP. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly op: Operation;
  readonly #abort = new AbortController();
  readonly #upgrade: { readonly socket: Socket; readonly head: Buffer } | undefined;
  #response: ServerResponse | undefined;
  readonly #startedAt = performance.now();
  #hijacked = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse | undefined,
    upgrade: { socket: Socket; head: Buffer } | undefined,
  ) {
    this.request = request;
    this.#response = response;
    this.#upgrade = upgrade;
    this.op = { signal: this.#abort.signal, timings: new Timings() };
    const gone = (): void => this.#abort.abort(canceled("client is gone"));
    response?.on("close", () => {
      if (!response.writableFinished) gone();
    });
    upgrade?.socket.on("close", gone);
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  get wantsTimings(): boolean {
    return this.request.headers[timingsHeader] !== undefined;
  }

  /** True when something of the reply is on its way already. */
  get begun(): boolean {
    return this.#hijacked || (this.#response?.headersSent ?? false);
  }

  /** The request's body; call once. */
  body(): Readable {
    if (this.#upgrade) return upgradeBody(this.request.headers, this.#upgrade.socket, this.#upgrade.head);
    return boundedBody(this.request);
  }

  /** The response; where the connection was to leave HTTP and will not, a last one on its socket. */
  response(): ServerResponse {
    if (this.#response) return this.#response;
    const { socket } = this.#upgrade!;
    const response = new ServerResponse(this.request);
    for (const [name, value] of Object.entries(commonHeaders)) response.setHeader(name, value);
    response.setHeader("Connection", "close");
    response.assignSocket(socket);
    response.on("finish", () => {
      socket.resume();
      socket.end();
    });
    this.#response = response;
    return response;
  }

  /** Takes the connection over for raw bytes. */
  hijack(): { socket: Socket; upgraded: boolean } {
    this.#hijacked = true;
    const upgraded = this.#upgrade !== undefined && this.request.headers[plainHijackHeader] === undefined;
    return { socket: this.#upgrade?.socket ?? this.request.socket, upgraded };
  }

  /** Cuts a reply short, so that the client sees it is not whole. */
  abandon(): void {
    (this.#upgrade?.socket ?? this.request.socket).destroy();
  }

  /**
   * To be awaited before a failure is told: a client that is still sending its body reads the reply only afterwards, and
   * would see a broken pipe instead. Reads what remains, within bounds, and makes this the connection's last request.
   */
  async drain(): Promise<void> {
    const { request } = this;
    if (this.#upgrade || request.complete || request.destroyed) return;
    this.#response?.setHeader("Connection", "close");
    await new Promise<void>((resolve) => {
      let left = politeBytes;
      const timer = setTimeout(resolve, politeMs);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      request.on("data", (chunk: Buffer) => {
        left -= chunk.length;
        if (left < 0) done();
      });
      request.on("end", done);
      request.on("close", done);
      request.resume();
    });
  }
}

/**
 * A request's body whose reader sets the pace. On a connection handed to `node:http` Bun 1.4.5 goes on reading the
 * socket while nobody reads the request, so that a fast upload gathers in memory: the socket itself is paused here.
 */
function boundedBody(request: IncomingMessage): Readable {
  const { socket } = request;
  const body = new PassThrough({ highWaterMark: 1 << 20 });
  const go = (): void => {
    request.resume();
    socket.resume();
  };
  request.on("data", (chunk: Buffer) => {
    if (body.destroyed || body.write(chunk)) return;
    request.pause();
    socket.pause();
  });
  request.on("end", () => body.end());
  request.on("error", (error) => body.destroy(error));
  request.on("close", () => {
    if (!request.complete && !body.writableEnded) body.destroy(new Error("unexpected EOF"));
  });
  body.on("drain", go);
  body.on("close", go);
  return body;
}
