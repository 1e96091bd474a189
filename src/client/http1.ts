/** A small HTTP/1.1 client over a {@link ByteStream}: chunked bodies both ways, trailers, informational answers, hijack. */
import type { ByteStream } from "./byte-stream.ts";

/** A body to send: bytes of known length, or pieces sent chunked. */
export type RequestBody = Uint8Array | string | AsyncIterable<Uint8Array>;

/** Headers to send; one with several values stands on a line for each. */
export type HeaderFields = Record<string, string | readonly string[]>;

export interface HttpRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderFields;
  readonly body?: RequestBody;
}

/** An answer whose body has not been read yet. */
export interface HttpAnswer {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case; repeated ones joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  /** To be read to its end (or the stream closed) before the connection can serve again. */
  readonly body: AsyncGenerator<Uint8Array, void>;
  /** Filled once the body has ended. */
  readonly trailers: Map<string, string>;
  /** True once the body has been read and the connection may serve another request. */
  readonly reusable: () => boolean;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const maxHead = 1 << 20;

/** A body whose length is known before it is sent. */
export function isWhole(body: RequestBody | undefined): body is Uint8Array | string | undefined {
  return body === undefined || typeof body === "string" || body instanceof Uint8Array;
}

/**
 * Sends `request` and reads the head of its answer. A refusal that comes early ends the sending of a streamed body; another
 * answer may come while the body is still sent, as the progress of `load` does.
 */
export async function exchange(stream: ByteStream, request: HttpRequest): Promise<HttpAnswer> {
  const { body } = request;
  if (isWhole(body)) {
    await sendWhole(stream, request, body);
    return readAnswer(stream, request.method);
  }
  await stream.write(formatHead(request));
  const upload: Upload = { refused: false, complete: false };
  const sending = sendChunks(stream, body as AsyncIterable<Uint8Array>, upload);
  const answer = readAnswer(stream, request.method);
  // A peer that refuses early closes its end; its answer says more than our broken pipe.
  const failed = sending.then(
    () => new Promise<never>(() => {}),
    (error: unknown) => Promise.race([answer, Bun.sleep(500)]).then(() => Promise.reject(error)),
  );
  const received = await Promise.race([answer, failed]);
  upload.refused = received.status >= 400;
  // What is still being sent would run into the next request.
  return { ...received, reusable: () => upload.complete && received.reusable() };
}

/**
 * Sends `first` (a HEAD) and `second` in one go and reads both answers' heads: one round trip instead of two. The second is
 * null when the first closes the connection: nothing that came after it is then looked at (RFC 9112, 9.6).
 */
export async function exchangePair(
  stream: ByteStream,
  first: HttpRequest,
  second: HttpRequest & { readonly body?: Uint8Array | string },
): Promise<[HttpAnswer, HttpAnswer | null]> {
  await sendWhole(stream, second, second.body, formatHead(first));
  const answer = await readAnswer(stream, first.method);
  return [answer, answer.reusable() ? await readAnswer(stream, second.method) : null];
}

async function sendWhole(
  stream: ByteStream,
  request: HttpRequest,
  body: Uint8Array | string | undefined,
  before = "",
): Promise<void> {
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const head = `${before}${formatHead(request, bytes)}`;
  // One write where it can be, so that the other side wakes once.
  if (typeof body === "string") return stream.write(head + body);
  await stream.write(head);
  if (bytes !== undefined && bytes.length > 0) await stream.write(bytes);
}

function formatHead(request: HttpRequest, bytes?: Uint8Array): string {
  const headers: HeaderFields = { ...request.headers };
  if (!isWhole(request.body)) headers["Transfer-Encoding"] = "chunked";
  else if (bytes !== undefined) headers["Content-Length"] = String(bytes.length);
  else if (request.method !== "GET" && request.method !== "HEAD" && !headers.Upgrade) headers["Content-Length"] = "0";
  let head = `${request.method} ${request.target} HTTP/1.1\r\n`;
  for (const [name, values] of Object.entries(headers)) {
    for (const value of [values].flat()) head += `${name}: ${value.replace(/[\r\n]/g, " ")}\r\n`;
  }
  return `${head}\r\n`;
}

/** How far a streamed body has come. */
interface Upload {
  /** Set when the peer wants no more of it. */
  refused: boolean;
  complete: boolean;
}

async function sendChunks(stream: ByteStream, body: AsyncIterable<Uint8Array>, upload: Upload): Promise<void> {
  for await (const piece of body) {
    if (upload.refused) return;
    if (piece.length === 0) continue;
    await stream.write(`${piece.length.toString(16)}\r\n`);
    await stream.write(piece);
    await stream.write("\r\n");
  }
  if (upload.refused) return;
  await stream.write("0\r\n\r\n");
  upload.complete = true;
}

async function readAnswer(stream: ByteStream, method: string): Promise<HttpAnswer> {
  for (;;) {
    const head = await readHead(stream);
    const [first = "", ...lines] = head.split("\r\n");
    const match = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(first);
    if (!match) throw new Error(`malformed HTTP response ${JSON.stringify(first.slice(0, 80))}`);
    const status = Number(match[1]);
    if (status >= 100 && status < 200 && status !== 101) continue;
    const headers = parseFields(lines);
    const state = { finished: false };
    const trailers = new Map<string, string>();
    const closes = headers.get("connection")?.toLowerCase().includes("close") ?? false;
    const body = readBody(stream, method, status, headers, trailers, state);
    const framed =
      headers.has("content-length") || headers.has("transfer-encoding") || status === 204 || status === 304;
    const reusable = (): boolean => state.finished && !closes && (framed || method === "HEAD");
    if (method === "HEAD" || status === 204 || status === 304 || headers.get("content-length") === "0")
      state.finished = true;
    return { status, reason: match[2] ?? "", headers, body, trailers, reusable };
  }
}

async function readHead(stream: ByteStream): Promise<string> {
  let seen = new Uint8Array(0);
  for (;;) {
    const piece = await stream.read();
    if (piece === null) throw new Error(seen.length === 0 ? "EOF" : "unexpected EOF");
    seen = seen.length === 0 ? (piece as Uint8Array<ArrayBuffer>) : concat(seen, piece);
    const end = indexOfBlankLine(seen);
    if (end >= 0) {
      stream.unread(seen.subarray(end + 4));
      return decoder.decode(seen.subarray(0, end));
    }
    if (seen.length > maxHead) throw new Error("HTTP response head is too large");
  }
}

function indexOfBlankLine(bytes: Uint8Array): number {
  for (let i = bytes.indexOf(13); i >= 0 && i + 3 < bytes.length; i = bytes.indexOf(13, i + 1)) {
    if (bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) return i;
  }
  return -1;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function parseFields(lines: string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf(":");
    if (at <= 0) continue;
    const name = line.slice(0, at).trim().toLowerCase();
    const value = line.slice(at + 1).trim();
    const previous = fields.get(name);
    fields.set(name, previous === undefined ? value : `${previous}, ${value}`);
  }
  return fields;
}

async function* readBody(
  stream: ByteStream,
  method: string,
  status: number,
  headers: Map<string, string>,
  trailers: Map<string, string>,
  state: { finished: boolean },
): AsyncGenerator<Uint8Array, void> {
  if (method === "HEAD" || status === 204 || status === 304) return;
  if (headers.get("transfer-encoding")?.toLowerCase().includes("chunked")) yield* readChunks(stream, trailers);
  else if (headers.has("content-length")) yield* readExactly(stream, Number(headers.get("content-length")));
  else {
    for (let piece = await stream.read(); piece !== null; piece = await stream.read()) yield piece;
  }
  state.finished = true;
}

async function* readExactly(stream: ByteStream, length: number): AsyncGenerator<Uint8Array, void> {
  for (let left = length; left > 0; ) {
    const piece = await stream.read();
    if (piece === null) throw new Error("unexpected EOF");
    if (piece.length > left) stream.unread(piece.subarray(left));
    yield piece.length > left ? piece.subarray(0, left) : piece;
    left -= Math.min(left, piece.length);
  }
}

async function* readChunks(stream: ByteStream, trailers: Map<string, string>): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const size = Number.parseInt(await readLine(stream), 16);
    if (Number.isNaN(size)) throw new Error("malformed chunked encoding");
    if (size === 0) break;
    yield* readExactly(stream, size);
    await readLine(stream);
  }
  const lines: string[] = [];
  for (let line = await readLine(stream); line !== ""; line = await readLine(stream)) lines.push(line);
  for (const [name, value] of parseFields(lines)) trailers.set(name, value);
}

async function readLine(stream: ByteStream): Promise<string> {
  let line = "";
  for (;;) {
    const piece = await stream.read();
    if (piece === null) throw new Error("unexpected EOF");
    const at = piece.indexOf(10);
    if (at >= 0) {
      stream.unread(piece.subarray(at + 1));
      line += decoder.decode(piece.subarray(0, at));
      return line.endsWith("\r") ? line.slice(0, -1) : line;
    }
    line += decoder.decode(piece);
    if (line.length > maxHead) throw new Error("malformed chunked encoding");
  }
}
