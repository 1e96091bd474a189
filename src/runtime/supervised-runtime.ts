/** The {@link Runtime} that speaks to a supervisor process. */
import { closeSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { insist } from "../lib/insist.ts";
import type { Operation } from "../lib/operation.ts";
import { selfCommand } from "../lib/self.ts";
import { pidfdOpen } from "../linux/pidfd.ts";
import { isErrno } from "../linux/syscall-error.ts";
import type { ExitStatus, ProcessTarget, Push, StartReply } from "../supervisor/protocol.ts";
import { openAttach } from "./attach.ts";
import { runtimeStartError } from "./errors.ts";
import { Keepsakes } from "./keepsakes.ts";
import type { Runtime, RuntimeOptions, StartedProcess } from "./runtime.ts";
import {
  connectSupervisor,
  greetingError,
  NotGreeted,
  type SupervisorClient,
  SupervisorError,
  spawnSupervisor,
} from "./supervisor-client.ts";

/** How often, every 5 ms, a supervisor that is going is asked again until its socket is gone too. */
const goingPatience = 200;

/** Makes the runtime; nothing is started until it is used. */
export function createRuntime(options: RuntimeOptions): Runtime {
  return new SupervisedRuntime(options);
}

class SupervisedRuntime implements Runtime {
  readonly #options: RuntimeOptions;
  readonly #path: string;
  readonly #keepsakes = new Keepsakes();
  readonly #exitListeners: ((target: ProcessTarget, status: ExitStatus) => void)[] = [];
  readonly #oomListeners: ((target: ProcessTarget) => void)[] = [];
  #client: Promise<SupervisorClient> | null = null;
  #supervisorPidfd: number | null = null;
  readonly #disposed = new AbortController();
  #replacing: Promise<void> | null = null;
  #ending = false;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#path = join(options.execRoot, "supervisor.sock");
  }

  async ensure(): Promise<void> {
    await this.#connected();
  }

  #connected(): Promise<SupervisorClient> {
    if (this.#disposed.signal.aborted) return Promise.reject(new Error("the runtime is disposed"));
    if (this.#client) return this.#client;
    const client = this.#connect();
    this.#client = client;
    client.catch(() => {
      if (this.#client === client) this.#client = null;
    });
    return client;
  }

  async #connect(): Promise<SupervisorClient> {
    let isOpen = false;
    const options = {
      path: this.#path,
      onPush: (push: Push) => this.#heard(push),
      onClose: () => {
        if (isOpen) this.#lost();
      },
      consoles: this.#keepsakes.consoles(),
    };
    const open = async (): Promise<SupervisorClient> => {
      const client = await connectSupervisor(options);
      this.#supervisorPidfd = pidfdOpen(client.hello.pid);
      try {
        for (const process of await client.call("list", null)) {
          if (!process.exit) this.#keepsakes.keep(process, process, process.stdio, this.#supervisorPidfd);
        }
      } catch (error) {
        client.close();
        this.#closePidfd();
        throw greetingError(error);
      }
      isOpen = true;
      return client;
    };
    for (let tries = 0; ; tries++) {
      try {
        return await open();
      } catch (error) {
        if (isErrno(error, "ENOENT", "ECONNREFUSED")) break;
        if (!(error instanceof NotGreeted) || tries === goingPatience) throw error;
        await Bun.sleep(5);
      }
    }
    await spawnSupervisor(this.#options.execRoot, this.#options.supervisorCommand ?? selfCommand("supervisor"));
    return open();
  }

  /** A supervisor that died is replaced at once, so that output keeps flowing and exits are seen. */
  #lost(): void {
    this.#client = null;
    this.#closePidfd();
    if (this.#disposed.signal.aborted || this.#ending) return;
    this.#options.log?.("the supervisor went away; starting another");
    this.#replacing ??= insist(() => this.#connected(), {
      signal: this.#disposed.signal,
      failed: (why) => this.#options.log?.(`start a supervisor: ${why}`),
    }).finally(() => {
      this.#replacing = null;
    });
  }

  #closePidfd(): void {
    if (this.#supervisorPidfd !== null) closeSync(this.#supervisorPidfd);
    this.#supervisorPidfd = null;
  }

  #heard(push: Push): void {
    if (push.event === "stdinClosed") this.#keepsakes.closeStdin(push.target);
    if (push.event === "oom") for (const listener of this.#oomListeners) listener(push.target);
    if (push.event === "logLoss") {
      const { lost, why } = push;
      const what =
        why === null ? `is written again, ${lost} lines were lost` : `cannot be written, lines are lost: ${why}`;
      this.#options.log?.(`container ${push.target.containerId}: its log ${what}`);
    }
    if (push.event !== "exit") return;
    const status = this.#completed(push.target, push.status);
    this.#keepsakes.drop(push.target);
    for (const listener of this.#exitListeners) listener(push.target, status);
  }

  /** A code that the supervisor did not see may be known to the pidfd held here. */
  #completed(target: ProcessTarget, status: ExitStatus): ExitStatus {
    const known = status.unknown ? this.#keepsakes.exitStatus(target) : null;
    return known ? { ...status, ...known, unknown: false } : status;
  }

  start: Runtime["start"] = async (request, op) => {
    const client = await this.#connected();
    try {
      const reply = await client.call("start", request);
      return this.#started({ containerId: request.id }, reply, op);
    } catch (error) {
      throw translated(error, "start", () => bundleCommand(request.bundle));
    }
  };

  exec: Runtime["exec"] = async (request, op) => {
    const client = await this.#connected();
    try {
      const reply = await client.call("exec", request);
      return this.#started({ containerId: request.containerId, execId: request.execId }, reply, op);
    } catch (error) {
      throw translated(error, "exec", () => request.process.args[0] ?? "");
    }
  };

  #started(target: ProcessTarget, reply: StartReply, op: Operation): StartedProcess {
    for (const [step, ms] of Object.entries(reply.timings)) op.timings.record(`runtime.${step}`, ms);
    this.#keepsakes.keep(target, reply, reply.stdio, this.#supervisorPidfd);
    return { pid: reply.pid, startTime: reply.startTime };
  }

  attach: Runtime["attach"] = async (target, want) => {
    await this.#connected();
    return openAttach(this.#path, { target, ...want });
  };

  resize: Runtime["resize"] = async (target, { height, width }) => {
    await (await this.#connected()).call("resize", { target, height, width });
  };

  signal: Runtime["signal"] = async (target, signal) => {
    await (await this.#connected()).call("signal", { target, signal });
  };

  limitLog: Runtime["limitLog"] = async (id, limits) => {
    await (await this.#connected()).call("limitLog", { id, limits });
  };

  pause: Runtime["pause"] = async (id) => {
    await (await this.#connected()).call("pause", { id });
  };

  resume: Runtime["resume"] = async (id) => {
    await (await this.#connected()).call("resume", { id });
  };

  list: Runtime["list"] = async () => {
    const processes = await (await this.#connected()).call("list", null);
    return processes.map((each) => (each.exit ? { ...each, exit: this.#completed(each, each.exit) } : each));
  };

  onExit: Runtime["onExit"] = (listener) => {
    this.#exitListeners.push(listener);
  };

  onOom: Runtime["onOom"] = (listener) => {
    this.#oomListeners.push(listener);
  };

  forget: Runtime["forget"] = async (target) => {
    await (await this.#connected()).call("forget", { target });
    if (target.execId === undefined) this.#keepsakes.dropContainer(target.containerId);
    else this.#keepsakes.drop(target);
  };

  shutdown: Runtime["shutdown"] = async () => {
    const client = await this.#connected();
    this.#ending = true;
    try {
      await client.call("shutdown", null);
    } catch (error) {
      this.#ending = false;
      throw error;
    }
    await this[Symbol.asyncDispose]();
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    const client = await this.#client?.catch(() => null);
    client?.close();
    this.#keepsakes.dropAll();
    this.#closePidfd();
  }
}

function translated(error: unknown, doing: "start" | "exec", command: () => string): unknown {
  if (!(error instanceof SupervisorError) || error.runtime === null) return error;
  return runtimeStartError(doing, error.runtime, command());
}

/** The command that a bundle was to run; empty when the bundle cannot be read. */
function bundleCommand(bundle: string): string {
  try {
    const spec = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8"));
    return String(spec.process?.args?.[0] ?? "");
  } catch {
    return "";
  }
}
