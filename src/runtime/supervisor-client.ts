/** The daemon's control connection to the supervisor, and how a supervisor is started. */
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { DhowError, messageOf, unavailable } from "../lib/errors.ts";
import { failPointEnvironment } from "../lib/fail-point.ts";
import { isErrno } from "../linux/syscall-error.ts";
import {
  type AdoptRequest,
  type HelloReply,
  type MethodName,
  type Methods,
  type Push,
  protocolVersion,
  type Reply,
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

/** One control connection, greeted. */
export interface SupervisorClient {
  readonly hello: HelloReply;
  /** Rejects with {@link SupervisorError}, or `unavailable` when the connection ends, or is silent too long, before the answer. */
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
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  readonly since: number;
  /** False for what takes as long as a runtime takes. */
  readonly prompt: boolean;
}

/** How long a supervisor may be silent to who asks for something that it can do at once. A stopped one is silent for ever. */
export const patienceMs = 10_000;
export const silence = `the supervisor has not answered for ${patienceMs / 1000} s`;
const promptMethods: ReadonlySet<MethodName> = new Set(["signal", "forget", "resize", "limitLog", "pause", "resume"]);

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

/** The connection ended before the greeting was answered: its supervisor was about to be gone. */
export class NotGreeted extends Error {
  override readonly name = "NotGreeted";
}

/** Connects and greets; rejects with {@link NotGreeted} where a dying supervisor's socket still took the connection. */
export async function connectSupervisor(options: ClientOptions): Promise<SupervisorClient> {
  const socket = await connectSocket(options.path);
  const waiting = new Map<number, Waiting>();
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
  // Whoever gives up is answered later and not heard: what was asked may still be done.
  const watch = setInterval(() => {
    const late = performance.now() - patienceMs;
    if (heard > late) return;
    for (const [id, { since, prompt, reject }] of waiting) {
      if (!prompt || since > late) continue;
      waiting.delete(id);
      reject(unavailable(silence));
    }
  }, 500);
  watch.unref();
  socket.on("error", fail);
  socket.on("end", fail);
  socket.on("close", fail);
  readLines(socket, (line) => {
    heard = performance.now();
    const message = JSON.parse(line) as Reply | Push;
    if ("event" in message) return options.onPush(message);
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if ("error" in message) call?.reject(new SupervisorError(message.error));
    else call?.resolve(message.result as never);
  });
  const call = <M extends MethodName>(method: M, params: Methods[M]["params"]): Promise<Methods[M]["result"]> => {
    if (closed) return Promise.reject(unavailable("the supervisor went away"));
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject, since: performance.now(), prompt: promptMethods.has(method) });
      socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  };
  const hello = await call("hello", { version: protocolVersion, consoles: options.consoles }).catch((error) => {
    throw error instanceof SupervisorError ? error : new NotGreeted(messageOf(error), { cause: error });
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
