import { rmSync } from "node:fs";
import { conflict, DhowError, messageOf, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { bringUp, type Started } from "./bring-up.ts";
import type { Container } from "./container.ts";
import { type Context, durabilityOf, emit, pathsOf, saveState, settleState } from "./context.ts";
import { healthAtStart, startHealthChecks } from "./health.ts";
import { tellLinkers } from "./hosts-file.ts";
import { ownsSharedMemory } from "./joined.ts";
import { refuse, transition } from "./lifecycle.ts";
import { leaveMountTableSoon } from "./mount-table.ts";
import { removeUnlocked } from "./removal.ts";
import { releaseRoot } from "./root.ts";
import { timestamp } from "./timestamps.ts";

const forgetPatienceMs = 1000;

/** Exit code of a start that failed before there was a process to have one. */
const unknownFailure = 128;

/** Starts a container for a user; the process is made once `ready` is settled, and not when it fails. */
export async function startContainer(
  ctx: Context,
  container: Container,
  op: Operation,
  ready?: Promise<unknown>,
): Promise<void> {
  await container.lock.run(async () => {
    if (container.removing) throw conflict("container is marked for removal and cannot be started");
    refuse("start", container);
    cancelRestart(container);
    container.backoff = 0;
    await startLocked(ctx, container, op, { manuallyStopped: false, restartCount: 0 }, ready);
  });
}

/** Takes a pending restart by policy away. */
export function cancelRestart(container: Container): void {
  if (container.restart) clearTimeout(container.restart.timer);
  container.restart = null;
}

/**
 * Starts the process; the caller holds the lock and knows that the container has none.
 *
 * The intent is a NORMAL commit, since nothing of a start outlives a power cut; the running container is a FULL one.
 * A failed start gives everything back and is recorded as Docker does: the status stays, exit code and error are set.
 */
export async function startLocked(
  ctx: Context,
  container: Container,
  op: Operation,
  change: { manuallyStopped?: boolean; restartCount?: number },
  ready?: Promise<unknown>,
): Promise<void> {
  await container.forgetting;
  const intent = ctx.db.transaction("normal", (tx) =>
    ctx.intents.begin(tx, {
      operation: "containers.start",
      subject: container.id,
      effects: ["mount", "network", "volumes", "bundle", "process"],
    }),
  );
  try {
    failPoint("containers.start.intent");
    const started = await bringUp(ctx, container, op, ready);
    recordStart(ctx, container, op, { started, change, intent });
  } catch (error) {
    await startFailed(ctx, container, intent, error);
    throw error instanceof DhowError ? error : systemError(messageOf(error), { cause: error });
  }
  failPoint("containers.start.recorded");
  leaveMountTableSoon(ctx, container);
  tellLinkers(ctx, container);
  emit(ctx, container, "start");
  startHealthChecks(ctx, container);
}

interface StartOutcome {
  readonly started: Started;
  readonly change: { manuallyStopped?: boolean; restartCount?: number };
  readonly intent: number;
}

function recordStart(
  ctx: Context,
  container: Container,
  op: Operation,
  { started, change, intent }: StartOutcome,
): void {
  container.ended = Promise.withResolvers<void>();
  container.running = new AbortController();
  container.startedMonotonic = performance.now();
  container.oomTold = false;
  container.record = {
    ...container.record,
    ...change,
    apparmorProfile: started.bundle.apparmorProfile ?? "",
  };
  op.timings.measureSync("commit", () =>
    saveState(
      ctx,
      container,
      durabilityOf(container.record),
      {
        status: transition(container.status, "started"),
        pid: started.process.pid,
        startTime: started.process.startTime,
        exitCode: 0,
        error: "",
        oomKilled: false,
        startedAt: timestamp(),
        health: healthAtStart(container.record),
      },
      (tx) => ctx.intents.finish(tx, intent),
    ),
  );
}

/** Gives back what a process held: network, mounts, bundle. Nothing of it throws for what is gone. */
export async function release(ctx: Context, container: Container): Promise<void> {
  const { record } = container;
  const paths = pathsOf(ctx, record.id);
  const results = await Promise.allSettled([
    ctx.networks.detach(record.id),
    ctx.volumes.unmount(record.id, record.mounts).then(() => releaseRoot(ctx, container)),
  ]);
  for (const result of results) {
    if (result.status === "rejected") ctx.log(`container ${record.id}: release: ${messageOf(result.reason)}`);
  }
  if (ownsSharedMemory(container)) ctx.sharedMemory.unmount(paths.shm);
}

async function startFailed(ctx: Context, container: Container, intent: number, error: unknown): Promise<void> {
  for (const stream of container.attached) stream.close();
  container.attached.clear();
  ctx.logs.ended(container.id);
  await forgetFailed(ctx, container.id);
  await release(ctx, container);
  rmSync(pathsOf(ctx, container.id).bundle, { recursive: true, force: true });
  const exitCode = exitCodeOf(error);
  settleState(
    ctx,
    container,
    { status: transition(container.status, "startFailed"), pid: 0, startTime: "", exitCode, error: messageOf(error) },
    (tx) => ctx.intents.finish(tx, intent),
  );
  // Nothing has exited: who waits for the next exit goes on waiting, until the container is removed at the latest.
  container.waiters.settle("not-running", { StatusCode: exitCode, Error: { Message: messageOf(error) } });
  if (container.record.hostConfig.AutoRemove) await removeUnlocked(ctx, container, { volumes: true });
}

/** Asks again for a moment: a supervisor or runtime that died in the middle may still be on its way out. */
async function forgetFailed(ctx: Context, containerId: string): Promise<void> {
  const deadline = performance.now() + forgetPatienceMs;
  for (;;) {
    try {
      return await ctx.runtime.forget({ containerId });
    } catch (failed) {
      ctx.log(`container ${containerId}: what its failed start left: ${messageOf(failed)}`);
      if (performance.now() > deadline) return;
      await Bun.sleep(100);
    }
  }
}

function exitCodeOf(error: unknown): number {
  const code = error instanceof Error && "exitCode" in error ? error.exitCode : undefined;
  return typeof code === "number" ? code : unknownFailure;
}
