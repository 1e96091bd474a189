/** The API server: requests in, calls to handlers, replies out. It listens nowhere by itself (see listeners.ts). */
import type { Server, Socket } from "node:net";
import type { Readable } from "node:stream";
import type { TlsOptions } from "node:tls";
import { nameFields } from "../api/field-names.ts";
import type { RouteSpec } from "../api/route.ts";
import { type Routes, routes } from "../api/routes.ts";
import { sessionType } from "../api/session.ts";
import { type UnbuiltRoute, unbuiltRoutes } from "../api/unbuilt.ts";
import { parseWire } from "../api/wire.ts";
import { readDetachKeys } from "../lib/detach-keys.ts";
import { DhowError, kindOf, messageOf } from "../lib/errors.ts";
import { readJsonBody } from "./body.ts";
import { refuseBrowsers } from "./browser-guard.ts";
import type { Call, Handler, Handlers } from "./call.ts";
import { commonHeaders, Exchange } from "./exchange.ts";
import { createFront } from "./front.ts";
import { hijackHead, hijackType, joinSession, wantsTold } from "./hijack.ts";
import { serveConnection } from "./http/connection.ts";
import type { Logger } from "./log.ts";
import { parseQuery } from "./query.ts";
import {
  ProgressReply,
  sendEmpty,
  sendJson,
  sendLater,
  sendLines,
  sendStream,
  sendText,
  tellTimings,
} from "./reply.ts";
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
    if (how.allowedHosts) refuseBrowsers(request.headers, how.allowedHosts);
    if (request.version === "1.1" && request.headers.host === undefined) {
      exchange.response.closeAfter();
      throw new DhowError("invalidArgument", "missing required Host header");
    }
    if (request.method === "OPTIONS") return sendEmpty(exchange.response, 200);
    const target = parseTarget(request.target);
    const found = match(request.method, target.path);
    if (!found) throw pageNotFound();
    if ("unbuilt" in found.route) return answerUnbuilt(exchange, found.route, found.params);
    const { spec, handler } = found.route;
    if (spec.reply.kind === "hijack" || spec.reply.kind === "upgrade") exchange.leavesHttp();
    if (spec.reply.kind === "upgrade") checkUpgrade(request.headers.upgrade);
    const query = parseQuery(spec, target.search);
    const rawBody = spec.body.kind === "json" ? nameFields(spec.body.schema, await readJsonBody(exchange)) : undefined;
    const body = spec.body.kind === "json" ? checkBody(spec.body, rawBody) : undefined;
    const progress = spec.reply.kind === "progress" ? new ProgressReply(exchange.response) : undefined;
    const call: Call = {
      params: found.params,
      query: query as Call["query"],
      body: body as Call["body"],
      rawBody,
      get input() {
        return exchange.body();
      },
      version: target.version,
      op: exchange.op,
      header: (name) => request.headers[name.toLowerCase()],
      setHeader: (name, value) => exchange.response.setHeader(name, value),
      progress: (message) => progress?.send(message),
      leaveHttp: (tty) => {
        if (!wantsTold(request.headers.accept)) sendHijackHead(exchange, hijackType(tty, target.version));
      },
    };
    try {
      const result: unknown = await handler(call);
      await send(exchange, spec, call, result, progress);
    } catch (error) {
      if (!progress || (!progress.begun && !spec.reply.failsInStream)) throw error;
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
        return sendJson(exchange.response, status, result, timings);
      case "empty":
        return sendEmpty(exchange.response, status, timings);
      case "text":
        return sendText(exchange.response, status, "text/plain; charset=utf-8", result as string, timings);
      case "later":
        return sendLater(exchange.response, (result as { outcome: Promise<unknown> }).outcome);
      case "lines":
        return sendLines(exchange.response, result as AsyncIterable<unknown>, op.signal);
      case "stream": {
        const { type, stream } = result as { type: string; stream: Readable };
        return sendStream(exchange.response, type, stream);
      }
      case "progress":
        return progress?.finish();
      case "upgrade": {
        const { socket } = exchange.hijack();
        socket.setTimeout(0);
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${upgradeProtocol}\r\n\r\n`);
        return (result as (socket: Socket) => Promise<void>)(socket);
      }
      case "hijack": {
        const session = result as StdioSession | null;
        if (!session) return sendEmpty(exchange.response, 200);
        const told = wantsTold(exchange.request.headers.accept);
        tellTimings(exchange.response, timings);
        if (!exchange.begun) sendHijackHead(exchange, told ? () => sessionType : hijackType(session.tty, call.version));
        const { socket } = exchange.hijack();
        return joinSession(socket, session, { keys: readDetachKeys(session.detachKeys ?? ""), told });
      }
    }
  }

  function sendHijackHead(exchange: Exchange, type: (upgraded: boolean) => string): void {
    const { socket, upgraded } = exchange.hijack();
    socket.write(
      hijackHead({ upgraded, type: type(upgraded), headers: commonHeaders + exchange.response.headerLines }),
    );
  }

  function report(exchange: Exchange, error: unknown): void {
    const { method, target } = exchange.request;
    const path = target.split("?")[0]!;
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
    const response = exchange.response;
    if (error instanceof VersionTooOld) {
      sendText(response, 400, "text/plain; charset=utf-8", `${error.message}\n`);
      return;
    }
    const status = statusOf(error);
    if (status === 304) sendEmpty(response, 304, exchange.wantsTimings ? exchange.op.timings : undefined);
    else sendJson(response, status, { message: messageOf(error) });
  }

  return {
    serve: (how) =>
      createFront(how.tls, (socket) => {
        serveConnection(socket, {
          commonHeaders,
          onRequest(transaction) {
            const exchange = new Exchange(transaction);
            answer(exchange, how).catch((error: unknown) => fail(exchange, error));
          },
        });
      }),
  };
}

const upgradeProtocol = "h2c";

function checkUpgrade(protocol: string | undefined): void {
  if (protocol === undefined) throw new DhowError("invalidArgument", "no upgrade proto in request");
  if (protocol.toLowerCase() === upgradeProtocol) return;
  throw new DhowError("invalidArgument", `protocol ${protocol} not supported`);
}

function answerUnbuilt(exchange: Exchange, route: UnbuiltRoute, params: Readonly<Record<string, string>>): void {
  const message = route.message.replace("{name}", () => params.name ?? "");
  if (route.kind !== "answer") throw new DhowError(route.kind, message);
  sendText(exchange.response, 200, "application/json", `${message}\n`);
}

function checkBody(spec: RouteSpec["body"] & { kind: "json" }, value: unknown): unknown {
  if (value === undefined && spec.required) {
    throw new DhowError("invalidArgument", "invalid JSON: got EOF while reading request body");
  }
  return parseWire(spec.schema, value ?? {});
}
