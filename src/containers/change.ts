import { DhowError, invalidArgument, messageOf, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Tx } from "../state/database.ts";
import { UniqueConflict } from "../state/record-store.ts";
import type { Container } from "./container.ts";
import { nameConflict } from "./container-index.ts";
import { type Context, emit, save, saveState } from "./context.ts";
import { hasProcess, refuse, transition } from "./lifecycle.ts";
import { checkName } from "./names.ts";

/** Freezes a container. One that is paused `forNow` is thawed by the next engine, should this one die before its unpause. */
export async function pauseContainer(ctx: Context, container: Container, forNow: boolean): Promise<void> {
  await container.lock.run(async () => {
    refuse("pause", container);
    beginPause(ctx, container.id);
    try {
      await ctx.runtime.pause(container.id);
    } catch (error) {
      // It may have been frozen before the answer was lost: the intent stands until it is known to run.
      await ctx.runtime.resume(container.id).then(
        () => ctx.db.transaction("normal", (tx) => finishPause(ctx, tx, container.id)),
        () => {},
      );
      throw error;
    }
    failPoint("containers.pause.frozen");
    saveState(ctx, container, "normal", { status: transition(container.status, "paused") }, (tx) => {
      if (!forNow) finishPause(ctx, tx, container.id);
    });
    emit(ctx, container, "pause");
  });
}

const pauseIntent = "containers.pause";

/** Until it is finished, what a crash leaves frozen is thawed. */
function beginPause(ctx: Context, subject: string): void {
  ctx.db.transaction("normal", (tx) => {
    finishPause(ctx, tx, subject);
    ctx.intents.begin(tx, { operation: pauseIntent, subject, effects: ["freezer"] });
  });
}

function finishPause(ctx: Context, tx: Tx, id: string): void {
  for (const intent of ctx.intents.pending(pauseIntent)) if (intent.subject === id) ctx.intents.finish(tx, intent.id);
}

export async function unpauseContainer(ctx: Context, container: Container): Promise<void> {
  await container.lock.run(async () => {
    refuse("unpause", container);
    beginPause(ctx, container.id);
    await ctx.runtime.resume(container.id);
    failPoint("containers.unpause.thawed");
    saveState(ctx, container, "normal", { status: transition(container.status, "resumed") }, (tx) =>
      finishPause(ctx, tx, container.id),
    );
    emit(ctx, container, "unpause");
  });
}

/** A new name; the old one is free at once. */
export async function renameContainer(ctx: Context, container: Container, wanted: string): Promise<void> {
  if (wanted === "") throw invalidArgument("Neither old nor new names may be empty");
  await container.lock.run(async () => {
    requirePresent(ctx, container);
    const old = container.name;
    if (wanted.replace(/^\//, "") === old) {
      throw invalidArgument("Renaming a container with the same name as its current name");
    }
    const name = newName(ctx, container, wanted);
    try {
      save(ctx, container, "full", { name });
    } catch (error) {
      ctx.index.release(name, container.id);
      if (error instanceof UniqueConflict) throw allocationError(nameConflict(name, error.holder));
      throw error;
    }
    failPoint("containers.rename.recorded");
    ctx.index.release(old, container.id);
    if (hasProcess(container.status)) await tellNetworks(ctx, container);
    emit(ctx, container, "rename", { oldName: `/${old}` });
  });
}

/** The new name stands already; what does not reach the networks now, reaches them at the next start. */
async function tellNetworks(ctx: Context, container: Container): Promise<void> {
  try {
    await ctx.networks.rename(container.id, container.name);
  } catch (error) {
    ctx.log(`container ${container.id}: its networks do not know its new name: ${messageOf(error)}`);
  }
}

/** After a wait for the lock the container may have been removed; its record must not come back. */
export function requirePresent(ctx: Context, container: Container): void {
  if (container.removing || ctx.index.find(container.id) !== container) {
    throw notFound(`No such container: ${container.name}`);
  }
}

function newName(ctx: Context, container: Container, wanted: string): string {
  try {
    const name = checkName(wanted.startsWith("/") ? wanted : `/${wanted}`);
    ctx.index.reserve(name, container.id);
    return name;
  } catch (error) {
    throw allocationError(error);
  }
}

function allocationError(error: unknown): unknown {
  if (!(error instanceof DhowError)) return error;
  return new DhowError(error.kind, `Error when allocating new name: ${error.message}`, { cause: error });
}
