/** The supervisor's socket: control connections and attached clients. */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { invalidArgument, kindOf, messageOf, unavailable } from "../lib/errors.ts";
import { hasHungUp } from "../linux/scm-rights.ts";
import { RuntimeFailure } from "./launch.ts";
import type { Subscriber } from "./output.ts";
import {
  type AttachRequest,
  type MethodName,
  type Methods,
  type Push,
  protocolVersion,
  type Reply,
  type Request,
  type WireError,
} from "./protocol.ts";
import type { Supervisor } from "./supervisor.ts";

/** No request is longer; an environment of a few MB fits. */
const longestLine = 64 * 1024 * 1024;

export interface ServerOptions {
  readonly path: string;
  readonly onShutdown: () => void;
  readonly log: (message: string) => void;
}

/** Who listens for pushes. */
export class ControlConnections {
  readonly #sockets = new Set<Socket>();

  push(push: Push): void {
    const line = `${JSON.stringify(push)}\n`;
    for (const socket of this.#sockets) socket.write(line);
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

/** Listens; resolves when clients can connect. */
export async function serve(
  supervisor: Supervisor,
  controls: ControlConnections,
  options: ServerOptions,
): Promise<Server> {
  rmSync(options.path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    readFirstLine(socket, (line, rest) => {
      const first = JSON.parse(line);
      if (first.attach) return attach(supervisor, socket, first.attach, rest);
      return control(supervisor, controls, options, socket, line, rest);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.path, resolve);
  });
  chmodSync(options.path, 0o600);
  return server;
}

function readFirstLine(socket: Socket, then: (line: string, rest: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > longestLine) return void socket.destroy();
    if (!chunk.includes(0x0a)) return;
    socket.off("data", onData);
    socket.pause();
    const data = Buffer.concat(chunks);
    const newline = data.indexOf(0x0a);
    try {
      then(data.toString("utf8", 0, newline), data.subarray(newline + 1));
    } catch {
      socket.destroy();
    }
  };
  socket.on("data", onData);
}

function control(
  supervisor: Supervisor,
  controls: ControlConnections,
  options: ServerOptions,
  socket: Socket,
  firstLine: string,
  rest: Buffer,
): void {
  const handlers = methodHandlers(supervisor, options);
  const onLine = (line: string): void => {
    const request = JSON.parse(line) as Request;
    void answer(handlers, request).then((reply) => {
      socket.write(`${JSON.stringify(reply)}\n`);
      if ("result" in reply && request.method === "hello") {
        controls.add(socket);
        supervisor.replayExits();
      }
    });
  };
  onLine(firstLine);
  let chunks: Buffer[] = [];
  let held = 0;
  const onData = (chunk: Buffer): void => {
    let from = 0;
    for (let newline = chunk.indexOf(0x0a); newline !== -1; newline = chunk.indexOf(0x0a, from)) {
      const line = Buffer.concat([...chunks, chunk.subarray(from, newline)]).toString("utf8");
      chunks = [];
      held = 0;
      from = newline + 1;
      try {
        onLine(line);
      } catch {
        return void socket.destroy();
      }
    }
    if (from < chunk.length) chunks.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > longestLine) socket.destroy();
  };
  socket.on("data", onData);
  socket.on("end", () => socket.end());
  if (rest.length > 0) onData(rest);
  socket.resume();
}

type Handlers = { [M in MethodName]: (params: Methods[M]["params"]) => Promise<Methods[M]["result"]> };

function methodHandlers(supervisor: Supervisor, options: ServerOptions): Handlers {
  return {
    hello: async ({ consoles }) => {
      if (consoles) supervisor.adoptConsoles(consoles);
      return { version: protocolVersion, pid: process.pid };
    },
    start: async (params) => supervisor.start(params),
    exec: async (params) => supervisor.exec(params),
    resize: async ({ target, height, width }) => {
      supervisor.resize(target, height, width);
      return null;
    },
    signal: async ({ target, signal }) => {
      supervisor.signal(target, signal);
      return null;
    },
    limitLog: async ({ id, limits }) => {
      supervisor.limitLog(id, limits);
      return null;
    },
    pause: async ({ id }) => {
      await supervisor.freeze(id, true);
      return null;
    },
    resume: async ({ id }) => {
      await supervisor.freeze(id, false);
      return null;
    },
    list: async () => supervisor.list(),
    ping: async () => null,
    forget: async ({ target }) => {
      await supervisor.forget(target);
      return null;
    },
    shutdown: async () => {
      setTimeout(options.onShutdown, 10);
      return null;
    },
  };
}

async function answer(handlers: Handlers, { id, method, params, expires }: Request): Promise<Reply> {
  try {
    if (expires !== undefined && Date.now() > expires) throw unavailable(`${method}: nobody waits for it any more`);
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : null;
    if (!handler) throw invalidArgument(`unknown method ${JSON.stringify(method)}`);
    return { id, result: await (handler as (params: unknown) => Promise<unknown>)(params) };
  } catch (error) {
    return { id, error: wireError(error) };
  }
}

function wireError(error: unknown): WireError {
  if (error instanceof RuntimeFailure) return { kind: "system", message: error.message, runtime: error.output };
  return { kind: kindOf(error), message: messageOf(error) };
}

/** Joins a client to a process: output out, input in, an end of input where the process is to see one. */
function attach(supervisor: Supervisor, socket: Socket, request: AttachRequest, rest: Buffer): void {
  const { target, stdin, stdout, stderr } = request;
  let process: ReturnType<Supervisor["find"]>;
  try {
    process = supervisor.find(target);
  } catch (error) {
    socket.end(`${JSON.stringify({ ok: false, error: wireError(error) })}\n`);
    return;
  }
  socket.write(`${JSON.stringify({ ok: true })}\n`);
  if (process?.exit) return void socket.end();
  const subscriber: Subscriber = { socket, stdout, stderr };
  if (process) process.hub.add(subscriber);
  else supervisor.awaitStart(target, subscriber);
  const closesInput = (): boolean => {
    const io = supervisor.find(target)?.record.io;
    return io !== undefined && !io.tty && (io.stdinOnce || target.execId !== undefined);
  };
  const ended = (): void => {
    if (stdin && closesInput()) void supervisor.endInput(target);
  };
  socket.once("end", () => watchHangUp(socket));
  if (stdin) void feed(supervisor, socket, target, rest).then(ended, ended);
  else socket.resume();
}

const hangUpCheckMs = 1000;

/** After a half-close nothing tells of the client's going but poll(2), until there is output for it. */
function watchHangUp(socket: Socket): void {
  const fd = (socket as Socket & { readonly _handle?: { readonly fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return;
  const timer = setInterval(() => {
    if (hasHungUp(fd)) socket.destroy();
  }, hangUpCheckMs);
  socket.once("close", () => clearInterval(timer));
}

/**
 * Passes the client's bytes on, no faster than the process reads; waits with them for the start. Resolves at their
 * end. Not by `for await`, which destroys the socket, output included, when the input ends.
 */
function feed(supervisor: Supervisor, socket: Socket, target: AttachRequest["target"], first: Buffer): Promise<void> {
  const pass = async (chunk: Buffer): Promise<void> => {
    const input = await inputOf(supervisor, socket, target);
    await input?.write(chunk);
    socket.resume();
  };
  return new Promise<void>((resolve) => {
    socket.pause();
    let last = pass(first);
    socket.on("data", (chunk: Buffer) => {
      socket.pause();
      last = last.then(() => pass(chunk));
    });
    const finish = (): void => void last.then(resolve, resolve);
    socket.once("end", finish);
    socket.once("close", finish);
  });
}

/** The process's input once it is started; `null` when it takes none, or the client leaves before. */
async function inputOf(supervisor: Supervisor, socket: Socket, target: AttachRequest["target"]) {
  while (!supervisor.find(target)) {
    if (socket.destroyed) return null;
    await supervisor.started(target, socket);
  }
  return supervisor.find(target)?.input ?? null;
}
