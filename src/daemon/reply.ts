/** How each kind of reply goes onto an HTTP response. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ProgressMessage } from "../api/images.ts";
import { messageOf } from "../lib/errors.ts";
import { stringifyJson } from "../lib/json.ts";
import type { Timings } from "../lib/operation.ts";

const jsonType = "application/json";

/** Sends one JSON value with its length. */
export function sendJson(response: ServerResponse, status: number, value: unknown, timings?: Timings): void {
  sendText(response, status, jsonType, `${stringifyJson(value)}\n`, timings);
}

export function sendText(
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
  timings?: Timings,
): void {
  const body = Buffer.from(text);
  response.setHeader("Content-Type", type);
  response.setHeader("Content-Length", body.length);
  if (timings) response.setHeader("Server-Timing", serverTiming(timings));
  response.writeHead(status);
  response.end(body);
}

/** Sends a status alone. 204 and 304 have no body by nature and carry no length. */
export function sendEmpty(response: ServerResponse, status: number, timings?: Timings): void {
  if (status !== 204 && status !== 304) response.setHeader("Content-Length", 0);
  if (timings) response.setHeader("Server-Timing", serverTiming(timings));
  response.writeHead(status);
  response.end();
}

/** Sends headers now and one JSON value when `outcome` has it. */
export async function sendLater(response: ServerResponse, outcome: Promise<unknown>): Promise<void> {
  beginStream(response, jsonType);
  response.write(`${stringifyJson(await outcome)}\n`);
  response.end();
}

/** Sends JSON values one per line as they come, no faster than the client reads. */
export async function sendLines(
  response: ServerResponse,
  values: AsyncIterable<unknown>,
  signal: AbortSignal,
): Promise<void> {
  beginStream(response, jsonType);
  for await (const value of values) {
    if (signal.aborted) break;
    if (!response.write(`${stringifyJson(value)}\n`)) await once(response, "drain", { signal });
  }
  response.end();
}

/** Sends bytes as they come. Trouble after the first byte cuts the connection, so that the client does not take a part for all. */
export async function sendStream(response: ServerResponse, type: string, stream: Readable): Promise<void> {
  beginStream(response, type);
  await pipeline(stream, response, { end: false });
  response.end();
}

function beginStream(response: ServerResponse, type: string): void {
  response.setHeader("Content-Type", type);
  response.writeHead(200);
  response.flushHeaders();
}

/** Steps in the form of the standard header: `name;dur=1.5, other;dur=0.2`. */
function serverTiming(timings: Timings): string {
  return timings.steps.map(({ name, ms }) => `${name.replace(/[^\w.-]/g, "_")};dur=${ms.toFixed(3)}`).join(", ");
}

/** Bytes that may wait for a slow reader before progress bars are thinned out. */
const progressBacklog = 256 * 1024;

/**
 * The reply of pull, load, import and push. Headers go out with the first message, so that a failure before it can still be a
 * status. Moving bars are dropped while the client is behind; other messages never are.
 */
export class ProgressReply {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  send(message: ProgressMessage): void {
    const response = this.#response;
    if (response.writableEnded || response.destroyed) return;
    if (!response.headersSent) this.#begin();
    const isBar = message.progressDetail?.current !== undefined;
    if (isBar && response.writableLength > progressBacklog) return;
    response.write(`${stringifyJson(message)}\r\n`);
  }

  /** Ends well. */
  finish(): void {
    if (!this.#response.headersSent) this.#begin();
    this.#response.end();
  }

  /** Ends with `error` as the last message. */
  fail(error: unknown): void {
    const message = messageOf(error);
    this.send({ errorDetail: { message }, error: message });
    this.#response.end();
  }

  #begin(): void {
    this.#response.setHeader("Content-Type", jsonType);
    this.#response.writeHead(200);
  }
}
