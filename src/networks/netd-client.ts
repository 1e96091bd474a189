/** The daemon's end of netd's protocol: finds a running netd, or starts one. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { isKind, unavailable } from "../lib/errors.ts";
import { selfCommand } from "../lib/self.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { eachLine } from "./netd/lines.ts";
import { type Method, type Methods, type PerFamily, protocolVersion, type WireError } from "./netd/protocol.ts";

/** What netd answered instead of a result. */
export class NetdError extends Error {
  override readonly name = "NetdError";
  readonly code: string | undefined;
  readonly bind: WireError["bind"];
  constructor(error: WireError) {
    super(error.message);
    this.code = error.code;
    this.bind = error.bind;
  }
}

export interface NetdOptions {
  readonly execRoot: string;
  readonly socket: string;
  readonly instance: string;
  /** Families for which it writes rules. */
  readonly firewall: PerFamily<boolean>;
  /** False leaves the host's switch for forwarding as it is. */
  readonly ipForward: boolean;
  /** False publishes by translation only. */
  readonly proxies: boolean;
}

/** How long a netd may take until it listens: at the boot of a slow machine everything starts at once. */
const startMs = 60_000;

/** One that ended may have lost to another that is still starting. */
const rivalMs = 3_000;

/** Netds that may let a connection go unanswered, one after the other. */
const helloTries = 3;

/** How long a netd may take to give everything back. */
const endMs = 15_000;

type Pending = { resolve: (result: never) => void; reject: (error: Error) => void };

export class NetdClient implements AsyncDisposable {
  readonly #options: NetdOptions;
  readonly #pending = new Map<number, Pending>();
  #connecting: Promise<Socket> | undefined;
  #socket: Socket | undefined;
  /** The last connection over which netd has said anything. */
  #answered: Socket | undefined;
  #next = 1;
  #closing = false;
  /** Runs when an established connection ends without our doing. */
  onLost: () => void = () => {};
  /** Runs once for each connection that is made, before anything else is asked. */
  onConnect: (call: NetdClient["call"]) => Promise<void> = async () => {};

  constructor(options: NetdOptions) {
    this.#options = options;
  }

  /** Asks netd, starting one when there is none. Throws {@link NetdError}, or `unavailable` when it went away. */
  async call<M extends Method>(method: M, params: Methods[M]["params"]): Promise<Methods[M]["result"]> {
    return this.#send(await this.#connected(), method, params);
  }

  /**
   * As {@link call}, but undefined when no netd runs. Asked a second time when the connection breaks meanwhile, so it
   * is for methods that may run twice.
   */
  async callIfRunning<M extends Method>(
    method: M,
    params: Methods[M]["params"],
  ): Promise<Methods[M]["result"] | undefined> {
    const once = async (): Promise<Methods[M]["result"] | undefined> =>
      this.#socket || this.#connecting || (await this.running()) ? this.call(method, params) : undefined;
    return once().catch((error: unknown) => {
      if (!isKind(error, "unavailable")) throw error;
      return once();
    });
  }

  /** Ends netd and returns when it is gone, with everything that it held; does nothing when none runs. */
  async shutdown(): Promise<void> {
    const hello = await this.callIfRunning("hello", {});
    const socket = this.#socket;
    if (!hello || !socket) return;
    this.#closing = true;
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    await this.#send(socket, "shutdown", {}).catch((error: unknown) => {
      if (!isKind(error, "unavailable")) throw error;
    });
    const late = AbortSignal.timeout(endMs);
    late.addEventListener("abort", () => socket.destroy());
    await closed;
    if (late.aborted) throw unavailable(`netd did not end: see ${this.#logPath()}`);
    while (await lives(hello.pid)) await Bun.sleep(1);
    this.#closing = false;
  }

  /** True when a netd answers on the socket. */
  async running(): Promise<boolean> {
    if (this.#socket) return true;
    const socket = await open(this.#options.socket);
    socket?.destroy();
    return socket !== undefined;
  }

  /** Lets go of netd, which lives on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    const socket = this.#socket ?? (await this.#connecting?.catch(() => undefined));
    socket?.destroy();
  }

  #send<M extends Method>(socket: Socket, method: M, params: Methods[M]["params"]): Promise<Methods[M]["result"]> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as Pending["resolve"], reject });
      socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  #connected(): Promise<Socket> {
    if (this.#connecting) return this.#connecting;
    const connecting = this.#connect();
    this.#connecting = connecting;
    // A connection that was lost during its greeting may have been followed by another meanwhile.
    connecting.catch(() => {
      if (this.#connecting === connecting) this.#connecting = undefined;
    });
    return connecting;
  }

  async #connect(): Promise<Socket> {
    const [socket, { version, pid }] = await this.#hello();
    if (version === protocolVersion) return this.#greet(socket);
    // Its successor takes over the table, the namespaces and the ports, as from one that died.
    this.#abandon(socket);
    process.kill(pid, "SIGKILL");
    // The first of its threads to end is what `lives` sees; the last one closes the listener.
    while ((await lives(pid)) || (await this.running())) await Bun.sleep(1);
    return this.#greet(await this.#reach());
  }

  /** A connection that was answered. One that is ending takes connections, and lets them go unanswered: its successor is asked. */
  async #hello(): Promise<[Socket, Methods["hello"]["result"]]> {
    for (let tries = 1; ; tries++) {
      const socket = await this.#reach();
      try {
        const hello = await this.#send(socket, "hello", {});
        this.#answered = socket;
        return [socket, hello];
      } catch (error) {
        if (tries === helloTries || !isKind(error, "unavailable")) throw error;
      }
    }
  }

  /** A connection to the netd that runs, or to a new one. */
  async #reach(): Promise<Socket> {
    let socket = await open(this.#options.socket);
    if (!socket) {
      const child = this.#spawn();
      let until = Date.now() + startMs;
      child.once("exit", () => {
        until = Math.min(until, Date.now() + rivalMs);
      });
      while (!socket) {
        if (Date.now() > until) throw unavailable(`netd did not start: see ${this.#logPath()}`);
        await Bun.sleep(3);
        socket = await open(this.#options.socket);
      }
    }
    this.#listen(socket);
    return socket;
  }

  async #greet(socket: Socket): Promise<Socket> {
    try {
      await this.onConnect((method, params) => this.#send(socket, method, params));
    } catch (error) {
      this.#abandon(socket);
      throw error;
    }
    return socket;
  }

  /** Gives up a connection whose greeting failed: nobody else has asked anything over it yet. */
  #abandon(socket: Socket): void {
    socket.destroy();
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    for (const { reject } of this.#pending.values()) reject(unavailable("the connection to netd was given up"));
    this.#pending.clear();
  }

  #listen(socket: Socket): void {
    this.#socket = socket;
    eachLine(socket, (text) => {
      const reply = JSON.parse(text) as { id: number; result?: unknown; error?: WireError };
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if (reply.error) pending?.reject(new NetdError(reply.error));
      else pending?.resolve(reply.result as never);
    });
    const lost = (): void => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      for (const { reject } of this.#pending.values()) reject(unavailable("the connection to netd was lost"));
      this.#pending.clear();
      if (this.#answered !== socket) return;
      this.#connecting = undefined;
      if (!this.#closing) this.onLost();
    };
    socket.on("error", lost);
    socket.on("close", lost);
  }

  #logPath(): string {
    return join(this.#options.execRoot, "netd.log");
  }

  #spawn(): ChildProcess {
    const { execRoot, instance, firewall, ipForward, proxies } = this.#options;
    mkdirSync(dirname(this.#logPath()), { recursive: true, mode: 0o700 });
    const log = openSync(this.#logPath(), "a", 0o600);
    try {
      const flags = ["--exec-root", execRoot, "--instance", instance];
      if (!firewall.ipv4) flags.push("--no-firewall");
      if (!firewall.ipv6) flags.push("--no-firewall6");
      if (!ipForward) flags.push("--no-ip-forward");
      if (!proxies) flags.push("--no-proxies");
      const [program = "", ...args] = selfCommand("netd", ...flags);
      // A session of its own: what ends the daemon's does not end netd.
      const child = spawn(program, args, { detached: true, stdio: ["ignore", log, log], cwd: "/", env: cleanEnv() });
      child.on("error", () => {});
      child.unref();
      return child;
    } finally {
      closeSync(log);
    }
  }
}

/** True while the process runs; one that ended and waits for its parent has let everything go. */
async function lives(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
}

function cleanEnv(): Record<string, string> {
  return { PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin" };
}

/** A connection, or undefined when nobody listens. */
function open(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error) => {
      if (isErrno(error, "ENOENT", "ECONNREFUSED")) resolve(undefined);
      else reject(error);
    });
    // Of a listener that dies at this moment Bun tells nothing else.
    socket.once("close", () => resolve(undefined));
  });
}
