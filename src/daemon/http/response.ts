/** The answer to one request: whole in one write, or as a stream. */
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import type { RequestHead } from "./head.ts";

/** Reason phrases of the statuses that are used (RFC 9110; 499 and 507 are not HTTP/1.1's own). */
const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  204: "No Content",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  413: "Request Entity Too Large",
  431: "Request Header Fields Too Large",
  499: "Client Closed Request",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
  507: "Insufficient Storage",
};

export const statusLine = (status: number): string => `HTTP/1.1 ${status} ${reasons[status] ?? ""}\r\n`;

export interface ResponseOptions {
  /** Header lines of every answer, each ended. */
  readonly common: string;
  /** Called once, when the last byte is handed to the socket. */
  readonly finished: () => void;
}

export class Response {
  readonly #socket: Socket;
  readonly #head: RequestHead;
  readonly #options: ResponseOptions;
  readonly #headers = new Map<string, string>();
  #stream: BodyStream | undefined;
  #closes: boolean;
  #begun = false;
  #finished = false;

  constructor(socket: Socket, head: RequestHead, options: ResponseOptions) {
    this.#socket = socket;
    this.#head = head;
    this.#options = options;
    this.#closes = !head.keepAlive;
  }

  /** True once something of it is on its way. */
  get begun(): boolean {
    return this.#begun;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** True when the connection ends with this answer. */
  get closes(): boolean {
    return this.#closes;
  }

  /** Makes this the connection's last answer. */
  closeAfter(): void {
    this.#closes = true;
  }

  /** Sets a header; only before anything is sent. */
  setHeader(name: string, value: string): void {
    this.#headers.set(name, value);
  }

  /** The lines of what {@link setHeader} was told, for an answer that is written by hand. */
  get headerLines(): string {
    let text = "";
    for (const [name, value] of this.#headers) text += `${name}: ${value.replace(/[\r\n]/g, " ")}\r\n`;
    return text;
  }

  /** Sends everything at once. 204 and 304 have no body by nature and carry no length. */
  send(status: number, body = ""): void {
    const bodiless = status === 204 || status === 304;
    if (!bodiless) this.#headers.set("Content-Length", String(Buffer.byteLength(body)));
    const head = this.#begin(status);
    this.#socket.write(bodiless || this.#head.method === "HEAD" ? head : head + body);
    this.#finish();
  }

  /** Sends the head now and the body as it comes: chunked, or to the connection's end for HTTP/1.0. */
  stream(status: number): Writable {
    const chunked = this.#head.version === "1.1";
    if (chunked) this.#headers.set("Transfer-Encoding", "chunked");
    else this.#closes = true;
    this.#socket.write(this.#begin(status));
    const framing = this.#head.method === "HEAD" ? "none" : chunked ? "chunked" : "plain";
    this.#stream = new BodyStream(this.#socket, framing, () => this.#finish());
    return this.#stream;
  }

  /** The connection is gone. */
  abort(): void {
    this.#stream?.destroy(new Error("client is gone"));
  }

  #begin(status: number): string {
    this.#begun = true;
    let text = `${statusLine(status)}${this.#options.common}${this.headerLines}Date: ${httpDate()}\r\n`;
    if (this.#closes) text += "Connection: close\r\n";
    else if (this.#head.version === "1.0") text += "Connection: keep-alive\r\n";
    return `${text}\r\n`;
  }

  #finish(): void {
    this.#finished = true;
    this.#options.finished();
  }
}

/** Chunks up to this size are copied into one write with their frame. */
const copyBelow = 16 * 1024;
const crlf = Buffer.from("\r\n");

/** The body of a streamed answer; takes no more than the socket takes. */
class BodyStream extends Writable {
  readonly #socket: Socket;
  readonly #framing: "chunked" | "plain" | "none";
  readonly #finished: () => void;

  constructor(socket: Socket, framing: "chunked" | "plain" | "none", finished: () => void) {
    super({ highWaterMark: 64 * 1024, decodeStrings: true });
    this.#socket = socket;
    this.#framing = framing;
    this.#finished = finished;
    // A source that fails, and a client that leaves, are told by those who use the stream.
    this.on("error", () => {});
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#socket.destroyed) {
      done(new Error("client is gone"));
      return;
    }
    if (this.#writeFramed(chunk)) done();
    else this.#socket.once("drain", done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "buffer", done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#framing === "chunked" && !this.#socket.destroyed) this.#socket.write("0\r\n\r\n");
    done();
    this.#finished();
  }

  #writeFramed(chunk: Buffer): boolean {
    if (this.#framing === "none" || chunk.length === 0) return true;
    if (this.#framing === "plain") return this.#socket.write(chunk);
    const size = Buffer.from(`${chunk.length.toString(16)}\r\n`);
    if (chunk.length < copyBelow) return this.#socket.write(Buffer.concat([size, chunk, crlf]));
    this.#socket.cork();
    this.#socket.write(size);
    this.#socket.write(chunk);
    const room = this.#socket.write(crlf);
    this.#socket.uncork();
    return room;
  }
}

let dateAt = 0;
let dateText = "";

/** Now, as the header `Date` has it; made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateAt) {
    dateAt = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
