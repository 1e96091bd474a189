/** The daemon's control connection to the supervisor, and how a supervisor is started. */
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { DhowError, messageOf, unavailable } from "../lib/errors.ts";
import { failPointEnvironment } from "../lib/fail-point.ts";
import { isErrno } from "../linux/syscall-error.ts";
import {
  type AdoptRequest,
  type ExecStart,
  type HelloReply,
  type MethodName,
  type Methods,
  type Push,
  protocolVersion,
  type Reply,
  type StartRequest,
  type WireError,
} from "../supervisor/protocol.ts";

/** An error that the supervisor answered; `runtime` is what the OCI runtime wrote. */
export class SupervisorError extends DhowError {
  override readonly name = "SupervisorError";
  readonly runtime: string | null;

  constructor(error: WireError) {
    super(error.kind, error.message);
    this.runtime = error.runtime ?? null;
  }
}

/** The supervisor lives and says nothing. */
export class SupervisorSilent extends DhowError {
  override readonly name = "SupervisorSilent";

  constructor() {
    super("unavailable", silence);
  }
}

/** One control connection, greeted. */
export interface SupervisorClient {
  readonly hello: HelloReply;
  /** Rejects with {@link SupervisorError}, with {@link SupervisorSilent}, or with `unavailable` when the connection ends before the answer. */
  call<M extends MethodName>(method: M, params: Methods[M]["params"]): Promise<Methods[M]["result"]>;
  close(): void;
}

export interface ClientOptions {
  readonly path: string;
  readonly onPush: (push: Push) => void;
  readonly onClose: () => void;
  /** Terminals to hand over with the greeting. */
  readonly consoles: AdoptRequest;
}

interface Waiting {
  readonly method: MethodName;
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  readonly since: number;
  /** Undoes what is done after nobody waited any more. */
  readonly late: (() => void) | null;
}

/** How long a supervisor may be silent to those who wait for it. A stopped one is silent for ever. */
export const patienceMs = 10_000;
export const silence = `the supervisor has not answered for ${patienceMs / 1000} s`;
/** After half of it, one who is asked for what may take long is asked for a sign of life. */
const pingAfterMs = patienceMs / 2;
/** What is asked of a supervisor that was silent before gets this long, so that one that goes on is given up by nobody. */
const leastPatienceMs = 1000;
const watchMs = 500;
const SIGKILL = 9;
const startMethods: ReadonlySet<MethodName> = new Set(["start", "exec"]);
/** What must not be begun long after it was asked for: whoever asked has been told that it failed. */
const expiring: ReadonlySet<MethodName> = new Set([...startMethods, "signal", "pause", "resume", "shutdown"]);

/** Connects to a unix socket; rejects with the connection's own error. */
export function connectSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
    // Of a listener that dies at this moment Bun tells nothing else.
    const nobody = Object.assign(new Error(`connect ${path}: nobody listens any more`), { code: "ECONNREFUSED" });
    socket.once("close", () => reject(nobody));
  });
}

/** The connection ended before the greeting was over: its supervisor was about to be gone. */
export class NotGreeted extends Error {
  override readonly name = "NotGreeted";
}

/** What the greeting's failure means: an answer and silence stand for themselves, an end is a {@link NotGreeted}. */
export function greetingError(error: unknown): unknown {
  if (error instanceof SupervisorError || error instanceof SupervisorSilent) return error;
  return new NotGreeted(messageOf(error), { cause: error });
}

/** Connects and greets; rejects with {@link NotGreeted} where a dying supervisor's socket still took the connection. */
export async function connectSupervisor(options: ClientOptions): Promise<SupervisorClient> {
  const socket = await connectSocket(options.path);
  const waiting = new Map<number, Waiting>();
  const givenUp = new Map<number, () => void>();
  let lastId = 0;
  let closed = false;
  let greeted = false;
  const fail = (): void => {
    if (closed) return;
    closed = true;
    socket.destroy();
    clearInterval(watch);
    for (const { reject } of waiting.values()) reject(unavailable("the supervisor went away"));
    waiting.clear();
    if (greeted) options.onClose();
  };
  let heard = performance.now();
  /** Turns of the watch since a sign of life was asked for; 0 when none is. Turns: a daemon that was stopped itself gives up nobody. */
  let turns = 0;
  const watch = setInterval(() => {
    if (waiting.size === 0) return;
    const now = performance.now();
    const silentSince = Math.max(heard, Math.min(...[...waiting.values()].map(({ since }) => since)));
    if (turns === 0 && now - silentSince < pingAfterMs) return;
    if (turns++ === 0) return send(++lastId, "ping", null);
    if (turns * watchMs <= patienceMs - pingAfterMs) return;
    for (const [id, { since, reject, late }] of waiting) {
      if (now - since < leastPatienceMs) continue;
      waiting.delete(id);
      if (late) givenUp.set(id, late);
      reject(new SupervisorSilent());
    }
  }, watchMs);
  watch.unref();
  socket.on("error", fail);
  socket.on("end", fail);
  socket.on("close", fail);
  readLines(socket, (line) => {
    heard = performance.now();
    turns = 0;
    const message = JSON.parse(line) as Reply | Push;
    if ("event" in message) return options.onPush(message);
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if ("error" in message) call?.reject(new SupervisorError(message.error));
    else call?.resolve(message.result as never);
    if (!("error" in message)) givenUp.get(message.id)?.();
    givenUp.delete(message.id);
  });
  const send = (id: number, method: MethodName, params: unknown): void => {
    const expires = expiring.has(method) ? Date.now() + patienceMs : undefined;
    socket.write(`${JSON.stringify({ id, method, params, expires })}\n`);
  };
  const call = <M extends MethodName>(method: M, params: Methods[M]["params"]): Promise<Methods[M]["result"]> => {
    if (closed) return Promise.reject(unavailable("the supervisor went away"));
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      const late = startMethods.has(method) ? () => endLate(params as StartRequest | ExecStart) : null;
      waiting.set(id, { method, resolve, reject, since: performance.now(), late });
      send(id, method, params);
    });
  };
  /** Whoever asked for this process has been told that there is none, and has given back what it stands on. */
  const endLate = (request: StartRequest | ExecStart): void => {
    const ended =
      "execId" in request
        ? call("signal", { target: { containerId: request.containerId, execId: request.execId }, signal: SIGKILL })
        : call("forget", { target: { containerId: request.id } });
    ended.catch(() => {}); // It ended by itself, or the next engine ends it.
  };
  const hello = await call("hello", { version: protocolVersion, consoles: options.consoles }).catch((error) => {
    socket.destroy();
    throw greetingError(error);
  });
  greeted = true;
  return { hello, call, close: () => socket.destroy() };
}

/** Calls `onLine` for each line, without its newline. */
function readLines(socket: Socket, onLine: (line: string) => void): void {
  let chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => {
    let from = 0;
    for (let newline = chunk.indexOf(0x0a); newline !== -1; newline = chunk.indexOf(0x0a, from)) {
      const line = Buffer.concat([...chunks, chunk.subarray(from, newline)]).toString("utf8");
      chunks = [];
      from = newline + 1;
      onLine(line);
    }
    if (from < chunk.length) chunks.push(chunk.subarray(from));
  });
}

/** How long a new supervisor may take to listen; it may have many processes to take over, on a busy host. */
const startPatienceMs = 60_000;

/**
 * Starts a supervisor in a session of its own, which outlives us; its complaints go to `<exec root>/supervisor.log`.
 * Resolves when its socket answers. When another one won the race, that one serves.
 */
export async function spawnSupervisor(execRoot: string, command: readonly string[]): Promise<void> {
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  const path = join(execRoot, "supervisor.sock");
  const log = openSync(join(execRoot, "supervisor.log"), "a", 0o600);
  const child = Bun.spawn([...command, "--exec-root", execRoot], {
    stdin: "ignore",
    stdout: log,
    stderr: log,
    cwd: "/",
    env: { PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin", ...failPointEnvironment() },
    detached: true,
  });
  closeSync(log);
  child.unref();
  const deadline = performance.now() + startPatienceMs;
  for (;;) {
    if (existsSync(path)) {
      try {
        (await connectSocket(path)).destroy();
        return;
      } catch (error) {
        if (!isErrno(error, "ECONNREFUSED", "ENOENT")) throw error;
      }
    }
    const gone = child.signalCode !== null || (child.exitCode !== null && child.exitCode !== 3);
    if (gone || performance.now() > deadline) {
      throw unavailable(`start the supervisor: it does not answer; see ${join(execRoot, "supervisor.log")}`);
    }
    await Bun.sleep(5);
  }
}
