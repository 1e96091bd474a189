import { conflict, DhowError, isKind, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { isKnownSignal, parseSignal, SIGKILL } from "../lib/signals.ts";
import type { Container } from "./container.ts";
import { type Context, emit, save, saveState } from "./context.ts";
import { hasProcess, isActive, refuse, transition } from "./lifecycle.ts";
import { settlesWithin } from "./settles.ts";
import { cancelRestart, startLocked } from "./start.ts";

export interface StopOptions {
  readonly signal?: string | undefined;
  /** Seconds; -1 waits for ever. */
  readonly timeout?: number | undefined;
}

const defaultGrace = 10;
/** How long a killed process may take to be gone before the caller is told (it may be stuck in the kernel). */
const killGrace = 10_000;

/** Stops for a user: signal, grace time, SIGKILL, and a bounded wait. */
export async function stopContainer(ctx: Context, container: Container, options: StopOptions): Promise<void> {
  refuse("stop", container);
  const { config } = container.record;
  const signal = signalFor(container, options.signal || config.StopSignal || "SIGTERM", "stop");
  const seconds = options.timeout ?? config.StopTimeout ?? defaultGrace;
  const ending = await container.lock.run(async () => {
    refuse("stop", container);
    return beginStop(ctx, container, signal);
  });
  if (ending && !(await settlesWithin(ending.ended, seconds < 0 ? Number.POSITIVE_INFINITY : seconds * 1000))) {
    await sendSignal(ctx, container, SIGKILL);
    await goneOrError(container, ending.ended, "stop");
  }
}

/**
 * The end of a process that was sent a signal. In an object, since a promise returned by an async function would be
 * awaited there, under the lock that the end itself needs.
 */
interface Ending {
  readonly ended: Promise<void>;
}

/** Marks the container as stopped by a user and sends the signal; undefined when no process had to be told. */
async function beginStop(ctx: Context, container: Container, signal: number): Promise<Ending | undefined> {
  if (endPendingRestart(ctx, container)) {
    emit(ctx, container, "stop");
    return undefined;
  }
  save(ctx, container, "normal", { manuallyStopped: true });
  failPoint("containers.stop.recorded");
  container.stopping = true;
  try {
    await sendSignal(ctx, container, signal);
    failPoint("containers.stop.signalled");
  } catch (error) {
    container.stopping = false;
    throw error;
  }
  await resumeToDie(ctx, container);
  return { ended: container.ended.promise };
}

/** Ends the wait for a restart by policy; false when there is none. */
function endPendingRestart(ctx: Context, container: Container): boolean {
  if (container.status !== "restarting") return false;
  cancelRestart(container);
  container.record = { ...container.record, manuallyStopped: true };
  saveState(ctx, container, "normal", { status: transition(container.status, "restartCancelled") });
  container.waiters.settle("not-running", { StatusCode: container.record.state.exitCode });
  return true;
}

/** Sends a signal for a user; SIGKILL waits for the end. */
export async function killContainer(ctx: Context, container: Container, signalText: string): Promise<void> {
  const signal = signalFor(container, signalText || "SIGKILL", "kill");
  const ending = await container.lock.run(async () => {
    refuse("kill", container);
    if (endPendingRestart(ctx, container)) return undefined;
    const { StopSignal } = container.record.config;
    // Docker takes any signal for an order to stop, unless the image has its own stop signal and this is another.
    const stops = signal === SIGKILL || !StopSignal || parseSignal(StopSignal) === signal;
    if (stops) save(ctx, container, "normal", { manuallyStopped: true });
    await sendSignal(ctx, container, signal);
    if (stops) await resumeToDie(ctx, container);
    return { ended: container.ended.promise };
  });
  if (ending && signal === SIGKILL) await goneOrError(container, ending.ended, "kill");
}

/** Kills a process as if it had died: its restart policy applies. */
export async function killUnhealthy(ctx: Context, container: Container): Promise<void> {
  await container.lock.run(async () => {
    if (hasProcess(container.status)) await sendSignal(ctx, container, SIGKILL);
  });
}

/** Kills whatever runs, for a forced removal; returns when it has ended and given back what it held. */
export async function killForRemoval(ctx: Context, container: Container): Promise<void> {
  const ending = await container.lock.run(async () => {
    if (endPendingRestart(ctx, container) || !hasProcess(container.status)) return undefined;
    save(ctx, container, "normal", { manuallyStopped: true });
    await sendSignal(ctx, container, SIGKILL);
    await resumeToDie(ctx, container);
    return { ended: container.ended.promise };
  });
  if (ending) await goneOrError(container, ending.ended, "kill");
}

/** Stops what runs, and starts; somebody else's start in between counts as well. */
export async function restartContainer(
  ctx: Context,
  container: Container,
  options: StopOptions,
  op: Operation,
): Promise<void> {
  const over = Promise.withResolvers<void>();
  container.restarting = over.promise;
  try {
    await stopAndStart(ctx, container, options, op);
  } finally {
    if (container.restarting === over.promise) container.restarting = null;
    over.resolve();
  }
  emit(ctx, container, "restart");
}

async function stopAndStart(ctx: Context, container: Container, options: StopOptions, op: Operation): Promise<void> {
  if (isActive(container.status)) {
    container.restartAsked = true;
    try {
      await stopContainer(ctx, container, options);
    } catch (error) {
      if (!isKind(error, "notModified")) throw error;
    } finally {
      container.restartAsked = false;
    }
  }
  await container.lock.run(async () => {
    if (hasProcess(container.status)) return;
    if (container.removing) throw conflict("container is marked for removal and cannot be started");
    refuse("start", container);
    cancelRestart(container);
    try {
      await startLocked(ctx, container, op, { manuallyStopped: false, restartCount: 0 });
    } catch (error) {
      if (!(error instanceof DhowError)) throw error;
      throw new DhowError(error.kind, `Cannot restart container ${container.name}: ${error.message}`, { cause: error });
    }
  });
}

async function sendSignal(ctx: Context, container: Container, signal: number): Promise<void> {
  emit(ctx, container, "kill", { signal: String(signal) });
  try {
    await ctx.runtime.signal({ containerId: container.id }, signal);
  } catch (error) {
    // Already gone: its exit is on the way.
    if (!isKind(error, "notFound")) throw error;
  }
}

/** A frozen process takes no signal: Docker thaws a container that it wants to end. */
async function resumeToDie(ctx: Context, container: Container): Promise<void> {
  if (container.status !== "paused") return;
  await ctx.runtime.resume(container.id);
  saveState(ctx, container, "normal", { status: transition(container.status, "resumed") });
  emit(ctx, container, "unpause");
}

function signalFor(container: Container, text: string, verb: "stop" | "kill"): number {
  const prefix = `cannot ${verb} container: ${container.name}: `;
  let signal: number;
  try {
    signal = parseSignal(text);
  } catch (error) {
    if (error instanceof DhowError) throw new DhowError(error.kind, prefix + error.message);
    throw error;
  }
  if (!isKnownSignal(signal)) {
    throw new DhowError("invalidArgument", `${prefix}the linux daemon does not support signal ${signal}`);
  }
  return signal;
}

async function goneOrError(container: Container, ended: Promise<void>, verb: "stop" | "kill"): Promise<void> {
  if (await settlesWithin(ended, killGrace)) return;
  throw systemError(
    `cannot ${verb} container: ${container.name}: tried to kill container, but did not receive an exit event`,
  );
}

/**
 * Stops every container at once, each with its own grace time, none longer than `seconds`. When it returns, the runtime
 * has forgotten their processes too: nothing of them is left in the kernel. Throws when the runtime could not be asked.
 */
export async function stopAllContainers(ctx: Context, seconds: number): Promise<void> {
  const active = ctx.index.all().filter((container) => isActive(container.status));
  const stopped = await Promise.allSettled(
    active.map(async (container) => {
      const manually = container.record.manuallyStopped;
      const own = container.record.config.StopTimeout ?? seconds;
      try {
        await stopContainer(ctx, container, { timeout: own < 0 ? seconds : Math.min(own, seconds) });
      } finally {
        // The host's end is no user's wish: policies apply at the next start.
        await container.lock.run(async () => {
          if (ctx.index.find(container.id)) save(ctx, container, "full", { manuallyStopped: manually });
        });
      }
    }),
  );
  const unasked = stopped.find((each) => each.status === "rejected" && isKind(each.reason, "unavailable"));
  if (unasked?.status === "rejected") throw unasked.reason;
  // Also of those that ended by themselves a moment ago, and of those that --rm has taken off the list.
  await Promise.allSettled([...new Set([...active, ...ctx.index.all()])].map((container) => container.forgetting));
}
