import { messageOf } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import { background } from "../lib/operation.ts";
import type { Tx } from "../state/database.ts";
import type { Container } from "./container.ts";
import { type Context, durabilityOf, emit, saveState, settleState } from "./context.ts";
import { discardFiles } from "./create.ts";
import { transition } from "./lifecycle.ts";
import { endStranger } from "./strangers.ts";

export interface RemovalOptions {
  /** Anonymous volumes go too. */
  readonly volumes: boolean;
  /** Of a {@link beginRemoval} that has been committed together with the status `removing`. */
  readonly intent?: number;
}

/** Says in `tx` what is about to go. */
export function beginRemoval(ctx: Context, tx: Tx, id: string, volumes: boolean): number {
  return ctx.intents.begin(tx, {
    operation: "containers.remove",
    subject: id,
    effects: ["snapshot", "directory", ...(volumes ? ["anonymous volumes"] : [])],
  });
}

/**
 * Removes a container without a process; the caller holds the lock. A NORMAL commit says what is about to go, the
 * files go into the trash, and the commit that drops the record (FULL, unless the container was `--rm`) is the removal. When something resists, the
 * container stays listed as dead and can be removed again.
 */
export async function removeUnlocked(ctx: Context, container: Container, options: RemovalOptions): Promise<void> {
  container.removing = true;
  const { record } = container;
  let { intent } = options;
  if (container.broken === null && intent === undefined) {
    saveState(ctx, container, "normal", { status: transition(container.status, "removalBegan") }, (tx) => {
      intent = beginRemoval(ctx, tx, record.id, options.volumes);
    });
  }
  try {
    failPoint("containers.remove.intended");
    if (container.broken !== null) await endStranger(ctx, container.id);
    await ctx.logs.removed(record.id);
    await discardFiles(ctx, record);
    failPoint("containers.remove.discarded");
    await ctx.volumes.release(record.id, record.mounts, { removeAnonymous: options.volumes }, background());
    ctx.db.transaction(durabilityOf(record), (tx) => {
      ctx.records.delete(tx, record.id);
      if (intent !== undefined) ctx.intents.finish(tx, intent);
    });
  } catch (error) {
    removalFailed(ctx, container, intent, error);
    throw error;
  }
  ctx.index.delete(container);
  ctx.imageReleased?.(record.image);
  for (const id of container.execs.keys()) ctx.execs.delete(id);
  emit(ctx, container, "destroy");
  const response = { StatusCode: record.state.exitCode };
  for (const condition of ["removed", "next-exit", "not-running"] as const) {
    container.waiters.settle(condition, response);
  }
}

function removalFailed(ctx: Context, container: Container, intent: number | undefined, error: unknown): void {
  container.removing = false;
  const Message = messageOf(error);
  ctx.log(`container ${container.id}: removal failed: ${Message}`);
  if (intent !== undefined) {
    const failed = intent;
    settleState(ctx, container, { status: transition(container.status, "removalFailed"), error: Message }, (tx) =>
      ctx.intents.finish(tx, failed),
    );
  }
  container.waiters.settle("removed", { StatusCode: container.record.state.exitCode, Error: { Message } });
}
