import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { wallClockNanoseconds } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import type { Intent } from "../state/intents.ts";
import { brokenRecord } from "./broken-record.ts";
import type { ExitStatus, SupervisedProcess } from "./collaborators.ts";
import { Container } from "./container.ts";
import { type Context, pathsOf, saveState } from "./context.ts";
import { discardFiles, makeFiles, populateVolumes } from "./create.ts";
import { Dependencies } from "./dependencies.ts";
import { execEnded, restoreExecs } from "./exec.ts";
import { handleExit, onExit } from "./exits.ts";
import { startHealthChecks } from "./health.ts";
import { runJobs } from "./jobs.ts";
import { hasProcess, transition } from "./lifecycle.ts";
import { logInfo } from "./log-info.ts";
import { takeMountsBack } from "./mount-table.ts";
import { type RemovalOptions, removeUnlocked } from "./removal.ts";
import { release } from "./start.ts";
import { inStartOrder, startWithEngine } from "./start-with-engine.ts";
import { endStranger } from "./strangers.ts";
import { parseTime, timestamp } from "./timestamps.ts";

/** What {@link restoreContainers} leaves for the time when networks are there too. */
export interface Restored {
  readonly running: ReadonlySet<string>;
  readonly ended: readonly { readonly container: Container; readonly status: ExitStatus }[];
  /** Execs whose end the runtime has told to no engine yet. */
  readonly endedExecs: readonly SupervisedProcess[];
  /** Containers with a process that no record answers for, or whose end is recorded and only not forgotten yet. */
  readonly strangers: readonly string[];
  /** Containers whose removal a crash interrupted; the intent stands until it is done. */
  readonly removals: readonly Removal[];
}

interface Removal extends RemovalOptions {
  readonly container: Container;
}

/**
 * The kernel is believed over the record: what the runtime says runs, runs, whatever the record says, and what it does
 * not know has ended with a code that nobody saw.
 */
export async function restoreContainers(ctx: Context): Promise<Restored> {
  const { records, broken } = ctx.records.list();
  for (const record of records.values()) ctx.index.add(new Container(record));
  for (const { id, reason } of broken) {
    ctx.log(`container ${id}: its record is unreadable: ${reason}`);
    ctx.index.add(new Container(brokenRecord(id, reason), reason));
  }
  const { inits: processes, execs } = await listProcesses(ctx);
  const supervised = new Map(processes.map((process) => [process.containerId, process]));
  // What is in use is known before anything is undone; a start that was cut short may have mounted something.
  const starting = new Set(ctx.intents.pending("containers.start").map(({ subject }) => subject));
  for (const { id, broken: reason, record, status } of ctx.index.all()) {
    const mounted = hasProcess(status) || supervised.has(id) || starting.has(id);
    if (reason === null) ctx.volumes.reference(id, record.mounts, mounted);
  }
  const removals = await settleIntents(ctx, (id) => supervised.has(id));
  const running = new Set<string>();
  const ended: { container: Container; status: ExitStatus }[] = [];
  for (const container of ctx.index.all()) {
    if (container.broken !== null) continue;
    const process = supervised.get(container.id);
    const exit = believe(ctx, container, process);
    if (exit) ended.push({ container, status: exit });
    if (!hasProcess(container.status)) continue;
    running.add(container.id);
    restoreExecs(ctx, container, execs.get(container.id) ?? []);
  }
  for (const id of running) if (!supervised.get(id) || supervised.get(id)?.exit) running.delete(id);
  if (ctx.keepUnknown) {
    for (const { containerId, exit } of processes) if (exit === null) running.add(containerId);
    return { running, ended, endedExecs: [], strangers: [], removals };
  }
  await sweepFiles(ctx, running);
  const handled = new Set(ended.map(({ container }) => container.id));
  const strangers = processes
    .map(({ containerId }) => containerId)
    .filter((id) => !handled.has(id) && !keepsProcess(ctx, id));
  const endedExecs = [...execs.values()].flat().filter(({ exit }) => exit !== null);
  return { running, ended, endedExecs, strangers, removals };
}

/** What the runtime supervises: containers' own processes, and execs by container. */
async function listProcesses(ctx: Context) {
  const all = await ctx.runtime.list();
  const execs = all.filter(({ execId }) => execId !== undefined);
  return {
    inits: all.filter(({ execId }) => execId === undefined),
    execs: Map.groupBy(execs, ({ containerId }) => containerId),
  };
}

function known(ctx: Context, id: string): boolean {
  return ctx.index.find(id)?.id === id;
}

/** True for a container whose record has a process, and for a broken one, which may go on until it is removed. */
function keepsProcess(ctx: Context, id: string): boolean {
  const container = known(ctx, id) ? ctx.index.get(id) : undefined;
  return container !== undefined && (container.broken !== null || hasProcess(container.status));
}

/** Makes the record agree with what runs; returns the exit that is still to be handled. */
function believe(ctx: Context, container: Container, process: SupervisedProcess | undefined): ExitStatus | undefined {
  const { state } = container.record;
  if (process) {
    const { pid, startTime } = process;
    if (process.exit && process.exit.at === state.finishedAt) return undefined;
    const isRecorded = hasProcess(state.status) && state.pid === pid && state.startTime === startTime;
    // Started, but the engine died before it could say so; it is running now, or was.
    if (!isRecorded && (state.status === "created" || state.status === "exited" || state.status === "restarting")) {
      const status = transition(state.status, "started");
      saveState(ctx, container, "full", { status, pid, startTime, startedAt: timestamp(), exitCode: 0, error: "" });
    } else if (!isRecorded && hasProcess(state.status)) {
      saveState(ctx, container, "full", { pid, startTime });
    }
    return process.exit ?? undefined;
  }
  if (!hasProcess(state.status)) return undefined;
  return { code: 255, signal: null, oomKilled: false, at: timestamp(), unknown: true };
}

/** Finishes creates, gives back what starts had mounted (the rest of their truth is in the kernel), and collects removals to be finished. */
async function settleIntents(ctx: Context, hasStarted: (id: string) => boolean): Promise<Removal[]> {
  const removals: Removal[] = [];
  for (const intent of ctx.intents.pending("containers.")) {
    const container = ctx.index.find(intent.subject);
    if (intent.operation === "containers.remove" && container) {
      const volumes = intent.effects.includes("anonymous volumes");
      if (container.status === "removing" && !removals.some((removal) => removal.container === container)) {
        // It goes with the record: whoever dies on the way there leaves it to the next.
        removals.push({ container, volumes, intent: intent.id });
        continue;
      }
      removals.push({ container, volumes });
    }
    if (intent.operation === "containers.create" && container) await finishCreate(ctx, container);
    if (intent.operation === "containers.start" && container?.broken === null && !hasStarted(container.id)) {
      await ctx.volumes.unmount(container.id, container.record.mounts);
    }
    if (intent.operation === "containers.pause" && container) await thaw(ctx, container);
    finish(ctx, intent);
  }
  for (const container of ctx.index.all()) {
    if (container.status === "removing" && !removals.some((removal) => removal.container === container)) {
      removals.push({ container, volumes: false });
    }
  }
  return removals;
}

/** A pause or unpause that was cut short, or a pause for the time of something that was: the process goes on. */
async function thaw(ctx: Context, container: Container): Promise<void> {
  if (!hasProcess(container.status)) return;
  try {
    await ctx.runtime.resume(container.id);
  } catch (error) {
    ctx.log(`container ${container.id}: its pause was interrupted: ${messageOf(error)}`);
    return;
  }
  if (container.status !== "paused") return;
  saveState(ctx, container, "normal", { status: transition(container.status, "resumed") });
}

function finish(ctx: Context, intent: Intent): void {
  ctx.db.transaction("normal", (tx) => ctx.intents.finish(tx, intent.id));
}

async function finishCreate(ctx: Context, container: Container): Promise<void> {
  const { record } = container;
  try {
    await makeFiles(ctx, record);
    await ctx.snapshots.unmount(pathsOf(ctx, record.id).rootfs);
    await populateVolumes(ctx, record, background());
  } catch (error) {
    ctx.log(`container ${container.id}: its create was interrupted and is undone: ${messageOf(error)}`);
    await discardFiles(ctx, record).catch(() => {});
    await ctx.volumes.release(record.id, record.mounts, { removeAnonymous: true }, background()).catch(() => {});
    ctx.db.transaction("normal", (tx) => ctx.records.delete(tx, container.id));
    ctx.index.delete(container);
  }
}

/** Mounts of what does not run, and files and layers of what no record knows. */
async function sweepFiles(ctx: Context, running: ReadonlySet<string>): Promise<void> {
  const each = async (directory: string, act: (id: string) => Promise<void> | void): Promise<void> => {
    for (const id of existsSync(directory) ? readdirSync(directory) : []) {
      try {
        await act(id);
      } catch (error) {
        ctx.log(`container ${id}: sweep: ${messageOf(error)}`);
      }
    }
  };
  await each(ctx.paths.rootfs, async (id) => {
    if (!running.has(id)) await ctx.snapshots.unmount(join(ctx.paths.rootfs, id));
  });
  await each(ctx.paths.containers, (id) => {
    if (known(ctx, id)) return;
    ctx.sharedMemory.unmount(pathsOf(ctx, id).shm);
    ctx.discard(pathsOf(ctx, id).dir);
  });
  await each(ctx.paths.bundles, (id) => {
    ctx.secretFiles.unmount(pathsOf(ctx, id).secretMount);
    if (!running.has(id)) rmSync(pathsOf(ctx, id).bundle, { recursive: true, force: true });
  });
  for (const key of await ctx.snapshots.keys()) {
    if (!/^[0-9a-f]{64}$/.test(key) || known(ctx, key)) continue;
    await ctx.snapshots.remove(key).catch((error) => ctx.log(`container ${key}: sweep: ${messageOf(error)}`));
  }
}

/** The second half, with networks there: exits, interrupted removals, strangers, health checks, policies, jobs. */
export async function resumeContainers(ctx: Context, restored: Restored): Promise<void> {
  for (const { broken, record, status, id } of ctx.index.all()) {
    if (broken !== null || status === "removing" || status === "dead") continue;
    ctx.logs.resume(record.hostConfig.LogConfig, logInfo(record), pathsOf(ctx, id).dir, hasProcess(status));
  }
  for (const id of restored.strangers) {
    await endStranger(ctx, id).catch((error) => ctx.log(`container ${id}: no record knows it: ${messageOf(error)}`));
  }
  for (const { exit, containerId, execId } of restored.endedExecs) {
    if (!exit || !execId) continue;
    await execEnded(ctx, containerId, execId, exit).catch((error) => ctx.log(`exec ${execId}: ${messageOf(error)}`));
  }
  for (const { container, status } of restored.ended) {
    // Through the ordinary way of an exit, which tries again what could not be recorded.
    await container.lock
      .run(() => handleExit(ctx, container, status))
      .catch(() => onExit(ctx, { containerId: container.id }, status));
  }
  for (const { container, ...options } of restored.removals) {
    await container.lock
      .run(async () => {
        if (ctx.index.find(container.id) !== container) return;
        await release(ctx, container);
        await removeUnlocked(ctx, container, options);
      })
      .catch((error) => ctx.log(`container ${container.id}: removal: ${messageOf(error)}`));
  }
  const dependencies = new Dependencies(ctx);
  for (const { container, awaited } of inStartOrder(ctx)) {
    if (hasProcess(container.status)) takeBack(ctx, container);
    else if (!ctx.toStop) startWithEngine(ctx, container, dependencies, awaited);
    if (container.status === "exited" && container.record.hostConfig.AutoRemove && !container.removing) {
      await container.lock.run(() => removeUnlocked(ctx, container, { volumes: true })).catch(() => {});
    }
  }
  if (!ctx.toStop) void runJobs(ctx).catch((error) => ctx.log(`jobs: ${messageOf(error)}`));
}

function takeBack(ctx: Context, container: Container): void {
  const ranFor = wallClockNanoseconds() - (parseTime(container.record.state.startedAt) ?? 0n);
  container.startedMonotonic = performance.now() - Math.max(0, Number(ranFor / 1_000_000n));
  takeMountsBack(ctx, container);
  if (!container.health) startHealthChecks(ctx, container);
}
