/** The API server: requests in, calls to handlers, replies out. It listens nowhere by itself (see listeners.ts). */
import { createServer, type IncomingMessage } from "node:http";
import type { Server, Socket } from "node:net";
import type { Readable } from "node:stream";
import type { TlsOptions } from "node:tls";
import type { RouteSpec } from "../api/route.ts";
import { type Routes, routes } from "../api/routes.ts";
import { type UnbuiltRoute, unbuiltRoutes } from "../api/unbuilt.ts";
import { parseWire } from "../api/wire.ts";
import { DhowError, kindOf, messageOf } from "../lib/errors.ts";
import { readJsonBody } from "./body.ts";
import { refuseBrowsers } from "./browser-guard.ts";
import type { Call, Handler, Handlers } from "./call.ts";
import { readDetachKeys } from "./detach-keys.ts";
import { commonHeaders, commonHeaderText, Exchange } from "./exchange.ts";
import { createFront } from "./front.ts";
import { hijackHead, joinSession } from "./hijack.ts";
import type { Logger } from "./log.ts";
import { parseQuery } from "./query.ts";
import { ProgressReply, sendEmpty, sendJson, sendLater, sendLines, sendStream, sendText } from "./reply.ts";
import { createRouter, pageNotFound, parseTarget, VersionTooOld } from "./router.ts";
import { statusOf } from "./status.ts";
import type { StdioSession } from "./stdio-session.ts";

/** One entry of the matcher: a route with its handler, or one that dhow lacks. */
type Entry =
  | {
      readonly method: string;
      readonly path: string;
      readonly name: keyof Routes;
      readonly spec: RouteSpec;
      readonly handler: Handler<RouteSpec>;
    }
  | ({ readonly unbuilt: true } & UnbuiltRoute);

export interface ApiServerOptions {
  readonly handlers: Handlers;
  readonly log: Logger;
}

/** What one listener's connections are subject to. */
export interface ServeOptions {
  /** Set for TCP: host names that requests may be addressed to. */
  readonly allowedHosts?: ReadonlySet<string>;
  readonly tls?: TlsOptions;
}

/** Makes servers that share the handlers; give each listener its own, and let it listen. */
export function createApi(options: ApiServerOptions): { serve(how: ServeOptions): Server } {
  const entries: Entry[] = unbuiltRoutes.map((route) => ({ unbuilt: true, ...route }));
  for (const name of Object.keys(routes) as (keyof Routes)[]) {
    const spec: RouteSpec = routes[name];
    // The table binds each name to the handler of its own route; the dispatcher treats all alike.
    const handler = options.handlers[name] as unknown as Handler<RouteSpec>;
    entries.push({ method: spec.method, path: spec.path, name, spec, handler });
  }
  const match = createRouter(entries as (Entry & { method: RouteSpec["method"] })[]);
  const { log } = options;

  async function answer(exchange: Exchange, how: ServeOptions): Promise<void> {
    const { request } = exchange;
    if (how.allowedHosts) refuseBrowsers(request, how.allowedHosts);
    if (request.httpVersion === "1.1" && request.headers.host === undefined) {
      exchange.response().setHeader("Connection", "close");
      throw new DhowError("invalidArgument", "missing required Host header");
    }
    if (request.method === "OPTIONS") return sendEmpty(exchange.response(), 200);
    const target = parseTarget(request.url ?? "/");
    const found = match(request.method ?? "GET", target.path);
    if (!found) throw pageNotFound();
    if ("unbuilt" in found.route) return answerUnbuilt(exchange, found.route, found.params);
    const { spec, handler } = found.route;
    const query = parseQuery(spec, target.search);
    const input = exchange.body();
    const rawBody = spec.body.kind === "json" ? await readJsonBody(request.headers, input) : undefined;
    const body = spec.body.kind === "json" ? checkBody(spec.body, rawBody) : undefined;
    const progress = spec.reply.kind === "progress" ? new ProgressReply(exchange.response()) : undefined;
    const call: Call = {
      params: found.params,
      query: query as Call["query"],
      body: body as Call["body"],
      rawBody,
      input,
      version: target.version,
      op: exchange.op,
      header: (name) => headerValue(request, name),
      setHeader: (name, value) => exchange.response().setHeader(name, value),
      progress: (message) => progress?.send(message),
    };
    try {
      const result: unknown = await handler(call);
      await send(exchange, spec, call, result, progress);
    } catch (error) {
      if (!progress || !exchange.response().headersSent) throw error;
      report(exchange, error);
      progress.fail(error);
    }
  }

  async function send(
    exchange: Exchange,
    spec: RouteSpec,
    call: Call,
    result: unknown,
    progress: ProgressReply | undefined,
  ): Promise<void> {
    const { op } = exchange;
    const timings = exchange.wantsTimings ? op.timings : undefined;
    timings?.record("total", exchange.elapsedMs);
    const { kind, status } = spec.reply;
    switch (kind) {
      case "json":
        return sendJson(exchange.response(), status, result, timings);
      case "empty":
        return sendEmpty(exchange.response(), status, timings);
      case "text":
        return sendText(exchange.response(), status, "text/plain; charset=utf-8", result as string, timings);
      case "later":
        return sendLater(exchange.response(), (result as { outcome: Promise<unknown> }).outcome);
      case "lines":
        return sendLines(exchange.response(), result as AsyncIterable<unknown>, op.signal);
      case "stream": {
        const { type, stream } = result as { type: string; stream: Readable };
        return sendStream(exchange.response(), type, stream);
      }
      case "progress":
        return progress?.finish();
      case "hijack": {
        const session = result as StdioSession | null;
        if (!session) return sendEmpty(exchange.response(), 200);
        const { socket, upgraded } = exchange.hijack();
        const head = hijackHead({ upgraded, tty: session.tty, version: call.version, headers: commonHeaderText });
        socket.write(head);
        return joinSession(socket, session, readDetachKeys(session.detachKeys ?? ""));
      }
    }
  }

  function report(exchange: Exchange, error: unknown): void {
    const { method = "", url = "" } = exchange.request;
    const path = url.split("?")[0]!;
    const isOurs = kindOf(error) === "internal" && !(error instanceof VersionTooOld);
    if (isOurs && !exchange.op.signal.aborted) {
      log.error("request failed by a bug of ours", {
        method,
        path,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    } else {
      log.debug("request failed", { method, path, status: statusOf(error), error: messageOf(error) });
    }
  }

  async function fail(exchange: Exchange, error: unknown): Promise<void> {
    report(exchange, error);
    if (!exchange.begun) await exchange.drain();
    if (exchange.begun) {
      exchange.abandon();
      return;
    }
    const response = exchange.response();
    response.removeHeader("Content-Length");
    if (error instanceof VersionTooOld) {
      sendText(response, 400, "text/plain; charset=utf-8", `${error.message}\n`);
      return;
    }
    const status = statusOf(error);
    if (status === 304) sendEmpty(response, 304, exchange.wantsTimings ? exchange.op.timings : undefined);
    else sendJson(response, status, { message: messageOf(error) });
  }

  /** Only routes that hijack leave HTTP; another upgrade that a client offers is not taken, as HTTP allows. */
  function leavesHttp(request: IncomingMessage): boolean {
    try {
      const found = match(request.method ?? "", parseTarget(request.url ?? "").path);
      return found !== undefined && "spec" in found.route && found.route.spec.reply.kind === "hijack";
    } catch {
      return false;
    }
  }

  return {
    serve(how) {
      // Missing in the type declarations; Node 24 and Bun 1.4 have it.
      const upgrades = { shouldUpgradeCallback: leavesHttp };
      const server = createServer(
        { maxHeaderSize: 1024 * 1024, requestTimeout: 0, keepAliveTimeout: 0, ...upgrades },
        (request, response) => {
          for (const [name, value] of Object.entries(commonHeaders)) response.setHeader(name, value);
          const exchange = new Exchange(request, response, undefined);
          answer(exchange, how).catch((error: unknown) => fail(exchange, error));
        },
      );
      server.timeout = 0;
      server.headersTimeout = 60_000;
      server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
        socket.on("error", () => socket.destroy());
        const exchange = new Exchange(request, undefined, { socket, head });
        answer(exchange, how).catch((error: unknown) => fail(exchange, error));
      });
      server.on("clientError", answerClientError);
      return createFront(server, how.tls);
    },
  };
}

function answerUnbuilt(exchange: Exchange, route: UnbuiltRoute, params: Readonly<Record<string, string>>): void {
  const message = route.message.replace("{name}", () => params.name ?? "");
  if (route.kind !== "answer") throw new DhowError(route.kind, message);
  sendText(exchange.response(), 200, "application/json", `${message}\n`);
}

function checkBody(spec: RouteSpec["body"] & { kind: "json" }, value: unknown): unknown {
  if (value === undefined && spec.required) {
    throw new DhowError("invalidArgument", "invalid JSON: got EOF while reading request body");
  }
  return parseWire(spec.schema, value ?? {});
}

function headerValue(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name.toLowerCase()];
  return Array.isArray(value) ? value[0] : value;
}

/** What is not HTTP gets one plain answer and the door. */
function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
