import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import type { ExecConfig, ExecInspectResponse } from "../api/exec.ts";
import { readDetachKeys } from "../lib/detach-keys.ts";
import { conflict, invalidArgument, messageOf, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { SIGKILL } from "../lib/signals.ts";
import type { AttachStream, ExitStatus, SupervisedProcess } from "./collaborators.ts";
import type { Container } from "./container.ts";
import type { StdioSession } from "./containers.ts";
import { type Context, emit } from "./context.ts";
import { exitCodeOf, reasonOf } from "./exec-failure.ts";
import { dropExec, keepExec, keptExecs } from "./exec-records.ts";
import { refuse } from "./lifecycle.ts";
import { linkEnvironmentNow } from "./links.ts";
import { rootOf } from "./root.ts";
import { settlesWithin } from "./settles.ts";
import { frame, session } from "./stdio.ts";

/** How long an ended exec can still be inspected. */
const keptAfterEnd = 5 * 60_000;
/** How long a container's end waits for the ends of its execs, which the kernel killed with it. */
const lastCall = 500;
/** How long after its last output an exec's end may take to be told. */
const newsDelay = 2000;

/** One process run inside a running container. */
export class Exec {
  status: "created" | "starting" | "running" | "ended" = "created";
  exitCode: number | null = null;
  pid = 0;
  /** An attached client has read all of its output. */
  drained = false;
  /** Settles when it is known whether the process runs. */
  readonly started = Promise.withResolvers<void>();
  readonly ended = Promise.withResolvers<void>();

  constructor(
    readonly containerId: string,
    readonly config: ExecConfig,
    /** Health checks are not told to the journal as a user's execs are, nor kept for a next engine. */
    readonly quiet = false,
    readonly id = randomBytes(32).toString("hex"),
  ) {}

  get command(): string {
    const [path = "", ...args] = this.config.Cmd ?? [];
    return `${path} ${args.join(" ")}`;
  }
}

/** Records an exec. A user that the container does not know is refused here rather than at the start, as clients expect. */
export async function createExec(ctx: Context, container: Container, config: ExecConfig, op: Operation): Promise<Exec> {
  refuse("exec", container);
  if (!config.Cmd?.length) throw invalidArgument("No exec command specified");
  const exec = new Exec(container.id, config);
  if (config.User) {
    const checked = ctx.bundles.makeExec(processRequest(ctx, container, exec, { detach: false }), op);
    await checked.catch(async (error) => Promise.reject(await reasonOf(container, error)));
  }
  enlist(ctx, container, exec);
  keep(ctx, exec, null);
  failPoint("containers.exec.recorded");
  emit(ctx, container, `exec_create: ${exec.command}`, { execID: exec.id });
  return exec;
}

function enlist(ctx: Context, container: Container, exec: Exec): void {
  ctx.execs.set(exec.id, exec);
  container.execs.set(exec.id, exec);
}

function keep(ctx: Context, exec: Exec, endedAt: number | null): void {
  if (exec.quiet) return;
  const { config, exitCode, pid } = exec;
  keepExec(ctx, exec.containerId, exec.id, { config, exitCode, pid, endedAt });
}

/**
 * Takes back the execs of a container that an earlier engine left: what the runtime says runs, runs; what it does not
 * know and has no end on record was never started. Ends that nobody has heard of are told by {@link execEnded}.
 */
export function restoreExecs(ctx: Context, container: Container, processes: readonly SupervisedProcess[]): void {
  const started = new Map(processes.map((process) => [process.execId, process]));
  for (const [id, { config, exitCode, pid, endedAt }] of keptExecs(ctx, container.id)) {
    const exec = new Exec(container.id, config, false, id);
    const process = started.get(id);
    enlist(ctx, container, exec);
    exec.pid = process?.pid ?? pid;
    if (endedAt !== null) {
      markEnded(ctx, container, exec, exitCode ?? 0, endedAt);
    } else if (process) {
      exec.status = "running";
    } else {
      continue;
    }
    exec.started.resolve();
  }
}

export function findExec(ctx: Context, id: string): { exec: Exec; container: Container } {
  const exec = ctx.execs.get(id);
  const container = exec && ctx.index.find(exec.containerId);
  if (!exec || !container) throw notFound(`No such exec instance: ${id}`);
  return { exec, container };
}

export interface ExecStart {
  readonly detach: boolean;
  readonly consoleSize?: readonly [rows: number, columns: number] | undefined;
}

/** Runs a created exec; the session is attached before the process runs. Null when detached. */
export async function startExec(
  ctx: Context,
  container: Container,
  exec: Exec,
  start: ExecStart,
  op: Operation,
): Promise<StdioSession | null> {
  if (exec.status === "ended") throw conflict(`exec command ${exec.id} has already run`);
  if (exec.status !== "created") throw conflict(`exec command ${exec.id} is already running`);
  refuse("exec", container);
  exec.status = "starting";
  const target = { containerId: container.id, execId: exec.id };
  let stream: AttachStream | null = null;
  try {
    const { process, runtime } = await op.timings.measure("spec", () =>
      ctx.bundles.makeExec(processRequest(ctx, container, exec, start), op),
    );
    const { Tty, AttachStdin, AttachStdout, AttachStderr } = exec.config;
    if (!start.detach) {
      stream = await ctx.runtime.attach(target, { stdin: AttachStdin, stdout: AttachStdout, stderr: AttachStderr });
      stream.output.once("end", () => {
        exec.drained = true;
      });
    }
    if (!exec.quiet) emit(ctx, container, `exec_start: ${exec.command}`, { execID: exec.id });
    failPoint("containers.exec.process");
    const { uid, gid } = process.user;
    const consoleSize = start.consoleSize ?? exec.config.ConsoleSize;
    const started = await op.timings.measure("runtime", () =>
      ctx.runtime.exec(
        {
          ...target,
          process,
          runtime,
          io: {
            tty: Tty,
            stdin: AttachStdin && !start.detach,
            stdinOnce: true,
            uid,
            gid,
            ...(consoleSize ? { consoleSize } : {}),
          },
        },
        op,
      ),
    );
    failPoint("containers.exec.started");
    exec.pid = started.pid;
    exec.status = "running";
    exec.started.resolve();
  } catch (error) {
    stream?.close();
    const code = exitCodeOf(error);
    const reason = await reasonOf(container, error);
    finish(ctx, container, exec, typeof code === "number" ? code : 126);
    exec.started.resolve();
    throw reason;
  }
  if (!stream) return null;
  const joined = session(stream, { tty: exec.config.Tty, stdin: exec.config.AttachStdin }, () =>
    emit(ctx, container, "exec_detach", { execID: exec.id }),
  );
  return { ...joined, outcome: () => outcomeOf(exec) };
}

/** The exit code, or 0 for a process that has closed its output and goes on. */
async function outcomeOf(exec: Exec): Promise<{ StatusCode: number }> {
  await settlesWithin(exec.ended.promise, newsDelay);
  return { StatusCode: exec.exitCode ?? 0 };
}

/**
 * An attached start that failed. Its connection has left HTTP by Docker's protocol, so the reason is told as output, and the
 * exit code by inspect.
 */
export function failedSession(exec: Exec, error: unknown): StdioSession {
  const tty = exec.config.Tty;
  const text = Buffer.from(`${messageOf(error)}\r\n`);
  const output = Readable.from([tty ? text : frame("stdout", text)], { objectMode: false });
  return { tty, output, input: null, outcome: () => outcomeOf(exec), close: () => void output.destroy() };
}

function processRequest(ctx: Context, container: Container, exec: Exec, start: ExecStart) {
  const { config } = exec;
  const { record } = container;
  const consoleSize = start.consoleSize ?? config.ConsoleSize;
  return {
    id: container.id,
    config: { ...record.config, Env: [...linkEnvironmentNow(ctx, container), ...(record.config.Env ?? [])] },
    hostConfig: record.hostConfig,
    rootfs: rootOf(ctx, container),
    args: config.Cmd ?? [],
    env: config.Env ?? [],
    user: config.User || record.config.User,
    workingDir: config.WorkingDir || record.config.WorkingDir,
    tty: config.Tty,
    privileged: config.Privileged,
    ...(consoleSize ? { consoleSize } : {}),
  };
}

/** The end of an exec as the runtime tells it; a stranger (of an earlier engine) is only acknowledged. */
export async function execEnded(ctx: Context, containerId: string, id: string, status: ExitStatus): Promise<void> {
  const exec = ctx.execs.get(id);
  const container = ctx.index.find(containerId);
  if (exec && container) {
    await exec.started.promise;
    endExec(ctx, container, exec, status.code);
  }
  await ctx.runtime.forget({ containerId, execId: id });
}

function endExec(ctx: Context, container: Container, exec: Exec, code: number): void {
  if (exec.status !== "running") return;
  finish(ctx, container, exec, code);
  if (!exec.quiet) emit(ctx, container, "exec_die", { execID: exec.id, exitCode: String(code) });
}

function finish(ctx: Context, container: Container, exec: Exec, code: number): void {
  failPoint("containers.exec.ended");
  const now = Date.now();
  markEnded(ctx, container, exec, code, now);
  keep(ctx, exec, now);
}

function markEnded(ctx: Context, container: Container, exec: Exec, code: number, endedAt: number): void {
  exec.status = "ended";
  exec.exitCode = code;
  exec.ended.resolve();
  const forget = (): void => {
    ctx.execs.delete(exec.id);
    container.execs.delete(exec.id);
    if (!exec.quiet) dropExec(ctx, container.id, exec.id);
  };
  setTimeout(forget, Math.max(0, endedAt + keptAfterEnd - Date.now())).unref();
}

/** Before a container's end is told, the ends of its execs are: those that nobody reported were killed with it. */
export async function endRemainingExecs(ctx: Context, container: Container): Promise<void> {
  const remaining = [...container.execs.values()].filter((exec) => exec.status === "running");
  if (remaining.length === 0) return;
  await settlesWithin(Promise.all(remaining.map((exec) => exec.ended.promise)), lastCall);
  for (const exec of remaining) endExec(ctx, container, exec, 128 + SIGKILL);
}

/** Clients ask for the exit code as soon as the output has ended: the news of the end is then on its way. */
export async function inspectExec(exec: Exec): Promise<ExecInspectResponse> {
  if (exec.drained) await settlesWithin(exec.ended.promise, newsDelay);
  const { config } = exec;
  const [entrypoint = "", ...args] = config.Cmd ?? [];
  return {
    ID: exec.id,
    Running: exec.status === "running",
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: config.Tty,
      entrypoint,
      arguments: args,
      privileged: config.Privileged,
      ...(config.User ? { user: config.User } : {}),
    },
    OpenStdin: config.AttachStdin,
    OpenStderr: config.AttachStderr,
    OpenStdout: config.AttachStdout,
    CanRemove: false,
    ContainerID: exec.containerId,
    DetachKeys: Buffer.from(config.DetachKeys === "" ? "" : readDetachKeys(config.DetachKeys)).toString("base64"),
    Pid: exec.pid,
  };
}

/** Ends an exec by force, for a health check that takes too long. */
export async function killExec(ctx: Context, exec: Exec): Promise<void> {
  await ctx.runtime.signal({ containerId: exec.containerId, execId: exec.id }, SIGKILL).catch((error) => {
    ctx.log(`exec ${exec.id}: kill: ${messageOf(error)}`);
  });
}
