/** How each kind of reply goes onto a response. */
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ProgressMessage } from "../api/images.ts";
import { messageOf } from "../lib/errors.ts";
import { stringifyJson } from "../lib/json.ts";
import type { Timings } from "../lib/operation.ts";
import type { Response } from "./http/response.ts";

const jsonType = "application/json";

/** Sends one JSON value with its length. */
export function sendJson(response: Response, status: number, value: unknown, timings?: Timings): void {
  sendText(response, status, jsonType, `${stringifyJson(value)}\n`, timings);
}

export function sendText(response: Response, status: number, type: string, text: string, timings?: Timings): void {
  response.setHeader("Content-Type", type);
  tellTimings(response, timings);
  response.send(status, text);
}

/** Sends a status alone. */
export function sendEmpty(response: Response, status: number, timings?: Timings): void {
  tellTimings(response, timings);
  response.send(status);
}

/** Sends headers now and one JSON value when `outcome` has it. */
export async function sendLater(response: Response, outcome: Promise<unknown>): Promise<void> {
  const body = beginStream(response, jsonType);
  body.end(`${stringifyJson(await outcome)}\n`);
}

/** Sends JSON values one per line as they come, no faster than the client reads. */
export async function sendLines(
  response: Response,
  values: AsyncIterable<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const body = beginStream(response, jsonType);
  for await (const value of values) {
    if (signal.aborted) break;
    if (!body.write(`${stringifyJson(value)}\n`)) await once(body, "drain", { signal });
  }
  body.end();
}

/** Sends bytes as they come. Trouble after the first byte cuts the connection, so that the client does not take a part for all. */
export async function sendStream(response: Response, type: string, stream: Readable): Promise<void> {
  const body = beginStream(response, type);
  await pipeline(stream, body, { end: false });
  body.end();
}

function beginStream(response: Response, type: string): Writable {
  response.setHeader("Content-Type", type);
  return response.stream(200);
}

/** Adds the steps in the form of the standard header: `name;dur=1.5, other;dur=0.2`. */
export function tellTimings(response: Response, timings: Timings | undefined): void {
  if (!timings) return;
  const steps = timings.steps.map(({ name, ms }) => `${name.replace(/[^\w.-]/g, "_")};dur=${ms.toFixed(3)}`);
  response.setHeader("Server-Timing", steps.join(", "));
}

/** Bytes that may wait for a slow reader before progress bars are thinned out. */
const progressBacklog = 256 * 1024;

/**
 * The reply of pull, load, import and push. Headers go out with the first message, so that a failure before it can still be a
 * status. Moving bars are dropped while the client is behind; other messages never are.
 */
export class ProgressReply {
  readonly #response: Response;
  #body: Writable | undefined;

  constructor(response: Response) {
    this.#response = response;
  }

  get begun(): boolean {
    return this.#body !== undefined;
  }

  send(message: ProgressMessage): void {
    const body = this.#begin();
    if (body.writableEnded || body.destroyed) return;
    const isBar = message.progressDetail?.current !== undefined;
    if (isBar && body.writableLength > progressBacklog) return;
    body.write(`${stringifyJson(message)}\r\n`);
  }

  /** Ends well. */
  finish(): void {
    this.#begin().end();
  }

  /** Ends with `error` as the last message, and with the exit code of the command that it tells of. */
  fail(error: unknown): void {
    const message = messageOf(error);
    const code =
      error instanceof Error && "exitCode" in error && typeof error.exitCode === "number" ? error.exitCode : null;
    this.send({ errorDetail: { ...(code !== null && { code }), message }, error: message });
    this.#begin().end();
  }

  #begin(): Writable {
    this.#body ??= beginStream(this.#response, jsonType);
    return this.#body;
  }
}
