/** One plugin: its methods called over HTTP, what it answers never trusted. */
import { messageOf, systemError } from "../lib/errors.ts";
import type { PluginAddress } from "./discovery.ts";

/** The content type of both directions. */
const mediaType = "application/vnd.docker.plugins.v1.2+json";

/** Longest answer that is read. */
const longestReply = 4 << 20;

/** Waits between attempts to reach a plugin that is not there, in seconds: in sum what dockerd takes, too. */
const backoffSeconds = [1, 2, 4, 8];

export interface CallLimits {
  /** How long one answer may take. */
  readonly timeoutMs: number;
  /** Whether a plugin that cannot be reached is tried again, which takes 15 seconds. */
  readonly retry: boolean;
  readonly signal?: AbortSignal;
}

/** There was no answer: whether the plugin has done anything is not known, unless a subclass says so. */
export class PluginSilent extends Error {
  override readonly name: string = "PluginSilent";
}

/** The plugin could not be reached at all: it has done nothing. */
export class PluginUnreachable extends PluginSilent {
  override readonly name = "PluginUnreachable";
}

/** The plugin took the question and did not answer in time. */
export class PluginTimeout extends PluginSilent {
  override readonly name = "PluginTimeout";
}

/** Calls `method` and gives the members of the JSON object that was answered; throws for what is none, and for its `Err`. */
export async function callPlugin(
  address: PluginAddress,
  method: string,
  body: unknown,
  limits: CallLimits,
): Promise<Readonly<Record<string, unknown>>> {
  for (const seconds of [...(limits.retry ? backoffSeconds : []), 0]) {
    try {
      return await callOnce(address, method, body, limits);
    } catch (error) {
      if (!(error instanceof PluginUnreachable) || seconds === 0) throw error;
      await Bun.sleep(seconds * 1000);
      limits.signal?.throwIfAborted();
    }
  }
  throw new PluginUnreachable(method);
}

async function callOnce(address: PluginAddress, method: string, body: unknown, limits: CallLimits) {
  const timeout = AbortSignal.timeout(limits.timeoutMs);
  const signal = limits.signal ? AbortSignal.any([limits.signal, timeout]) : timeout;
  const isUnix = "unix" in address;
  let response: Response;
  try {
    response = await fetch(`${originOf(address)}/${method}`, {
      method: "POST",
      headers: { Accept: mediaType, "Content-Type": mediaType },
      body: JSON.stringify(body),
      redirect: "manual",
      keepalive: false,
      signal,
      ...(isUnix ? { unix: address.unix } : address.tls ? { tls: address.tls } : {}),
    });
  } catch (error) {
    throw timedOut(error, timeout, address, method) ?? unreachable(error, address, method);
  }
  let text: string;
  try {
    text = await readLimited(response, method);
  } catch (error) {
    throw timedOut(error, timeout, address, method) ?? error;
  }
  const reply = parse(text);
  if (response.status !== 200) throw systemError(`${method}: ${errOf(reply) || text.trim().slice(0, 1000)}`);
  if (reply === null)
    throw systemError(`${method}: the plugin's answer is no JSON object: ${JSON.stringify(text.slice(0, 60))}`);
  const err = errOf(reply);
  if (err !== "") throw systemError(err);
  return reply;
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

const errOf = (reply: Readonly<Record<string, unknown>> | null): string =>
  typeof reply?.Err === "string" ? reply.Err.slice(0, 4000) : "";

async function readLimited(response: Response, method: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > longestReply) throw systemError(`${method}: the plugin's answer is longer than ${longestReply} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

const originOf = (address: PluginAddress): string => ("unix" in address ? "http://plugin.moby.localhost" : address.url);

const shown = (address: PluginAddress, method: string): string => `"${originOf(address)}/${method}"`;

/** In the words of Go's client, which dockerd passes on. */
function timedOut(error: unknown, timeout: AbortSignal, address: PluginAddress, method: string): Error | null {
  if (!timeout.aborted) return null;
  return new PluginTimeout(`Post ${shown(address, method)}: context deadline exceeded`, { cause: error });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ConnectionRefused: "connect: connection refused",
  ENOENT: "connect: no such file or directory",
  FileNotFound: "connect: no such file or directory",
  FailedToOpenSocket: "connect: no such file or directory",
};

function unreachable(error: unknown, address: PluginAddress, method: string): Error {
  const code = (error as { code?: unknown }).code;
  // The connection broke after it stood: the plugin may have done what it was asked.
  if (code === "ECONNRESET" || code === "UnexpectedEOF") {
    return new PluginSilent(`Post ${shown(address, method)}: EOF`, { cause: error });
  }
  if ((error as Error).name === "AbortError") return error as Error;
  const where = "unix" in address ? `unix ${address.unix}` : `tcp ${new URL(address.url).host}`;
  const why = reasons[String(code)] ?? messageOf(error);
  return new PluginUnreachable(`Post ${shown(address, method)}: dial ${where}: ${why}`, { cause: error });
}
