import { rmSync } from "node:fs";
import { messageOf } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import { background } from "../lib/operation.ts";
import type { ExitStatus, ProcessTarget } from "./collaborators.ts";
import type { Container } from "./container.ts";
import { type Context, durabilityOf, emit, pathsOf, saveState } from "./context.ts";
import { endRemainingExecs, execEnded } from "./exec.ts";
import { healthAtEnd } from "./health.ts";
import { hasProcess, transition } from "./lifecycle.ts";
import { beginRemoval, removeUnlocked } from "./removal.ts";
import { nextBackoff, shouldRestart } from "./restart-policy.ts";
import { release, startLocked } from "./start.ts";
import { parseTime } from "./timestamps.ts";

/** After an end that could not be recorded. */
const retryMs = 1000;

/** What the runtime tells of an end. Repetitions and strangers are acknowledged and otherwise ignored. */
export function onExit(ctx: Context, target: ProcessTarget, status: ExitStatus): void {
  const handled = target.execId
    ? execEnded(ctx, target.containerId, target.execId, status)
    : processEnded(ctx, target.containerId, status);
  handled.catch((error) => {
    ctx.log(`container ${target.containerId}: exit: ${messageOf(error)}`);
    // A full disk passes; until then the container shows as running and nobody is told otherwise.
    setTimeout(() => onExit(ctx, target, status), retryMs).unref();
  });
}

/** The kernel killed something in the container; the journal hears it once for each start. */
export function onOom(ctx: Context, target: ProcessTarget): void {
  const container = ctx.index.find(target.containerId);
  if (container && hasProcess(container.status)) tellOom(ctx, container);
}

function tellOom(ctx: Context, container: Container): void {
  if (container.oomTold) return;
  container.oomTold = true;
  emit(ctx, container, "oom");
}

async function processEnded(ctx: Context, id: string, status: ExitStatus): Promise<void> {
  const container = ctx.index.find(id);
  if (!container) return ctx.runtime.forget({ containerId: id });
  await container.lock.run(() => handleExit(ctx, container, status));
}

/**
 * The end of a container's process, in this order: execs end, network and mounts go back, the record is committed, the
 * `die` event, waiters are answered; then the restart policy or the automatic removal. The caller holds the lock.
 */
export async function handleExit(ctx: Context, container: Container, status: ExitStatus): Promise<void> {
  if (!hasProcess(container.status) || container.lastExitAt === status.at) return;
  container.health?.[Symbol.dispose]();
  container.health = null;
  await endRemainingExecs(ctx, container);
  await release(ctx, container);
  failPoint("containers.exit.released");
  const { record } = container;
  const { hostConfig } = record;
  const ending = { exitCode: status.code, ...record };
  const restarts = !ctx.toStop && shouldRestart(hostConfig.RestartPolicy, ending);
  const goes = hostConfig.AutoRemove && !restarts && !container.removing && !container.restartAsked;
  const ended = transition(container.status, restarts ? "exitedToRestart" : "exited");
  let intent: number | undefined;
  const change = {
    status: goes ? transition(ended, "removalBegan") : ended,
    pid: 0,
    startTime: "",
    exitCode: status.code,
    oomKilled: status.oomKilled,
    finishedAt: status.at,
    health: healthAtEnd(record.state.health),
  };
  saveState(ctx, container, durabilityOf(record), change, (tx) => {
    if (goes) intent = beginRemoval(ctx, tx, container.id, true);
  });
  container.lastExitAt = status.at;
  failPoint("containers.exit.recorded");
  if (status.oomKilled) tellOom(ctx, container);
  emit(ctx, container, "die", {
    exitCode: String(status.code),
    execDuration: String(secondsBetween(record.state.startedAt, status.at)),
  });
  container.endToldAt = performance.now();
  if (container.stopping) emit(ctx, container, "stop");
  container.stopping = false;
  forget(ctx, container);
  container.attached.clear();
  container.running.abort();
  ctx.logs.ended(container.id);
  container.ended.resolve();
  const response = { StatusCode: status.code };
  container.waiters.settle("next-exit", response);
  if (restarts) {
    scheduleRestart(ctx, container, performance.now() - container.startedMonotonic);
    return;
  }
  container.waiters.settle("not-running", response);
  if (intent !== undefined) {
    ctx.departed.note(container.id, response);
    await removeUnlocked(ctx, container, { volumes: true, intent });
  }
}

/** Lets the runtime drop what it keeps of the process, beside the path that a client waits on. */
function forget(ctx: Context, container: Container): void {
  const { bundle } = pathsOf(ctx, container.id);
  container.forgetting = ctx.runtime
    .forget({ containerId: container.id })
    .catch((error) => ctx.log(`container ${container.id}: forget: ${messageOf(error)}`))
    .then(() => rmSync(bundle, { recursive: true, force: true }));
}

/** Starts the container again after its backoff, unless somebody stops it first. */
export function scheduleRestart(ctx: Context, container: Container, ranFor: number): void {
  container.backoff = nextBackoff(container.backoff, ranFor);
  const timer = setTimeout(() => void container.lock.run(() => restartNow(ctx, container)), container.backoff);
  container.restart = { timer };
}

async function restartNow(ctx: Context, container: Container): Promise<void> {
  if (container.status !== "restarting" || container.removing) return;
  container.restart = null;
  try {
    await startLocked(ctx, container, background(), { restartCount: container.record.restartCount + 1 });
  } catch (error) {
    ctx.log(`container ${container.id}: restart by policy failed: ${messageOf(error)}`);
    // Refused before it began (a full disk): the policy's word stands.
    if (container.status === "restarting") scheduleRestart(ctx, container, 0);
  }
}

function secondsBetween(from: string, to: string): number {
  const start = parseTime(from) ?? 0n;
  const end = parseTime(to) ?? start;
  return end > start ? Number((end - start) / 1_000_000_000n) : 0;
}
