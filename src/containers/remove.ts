import { setTimeout as sleep } from "node:timers/promises";
import { conflict, DhowError, messageOf, systemError } from "../lib/errors.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { isActive, refuse } from "./lifecycle.ts";
import { removeUnlocked } from "./removal.ts";
import { killForRemoval } from "./stop.ts";

/** How long an ended container can still be asked after by whoever listens to events (ms). */
const askingMs = 100;

export interface RemoveOptions {
  readonly force: boolean;
  /** Anonymous volumes go too. */
  readonly volumes: boolean;
}

/** Removes for a user. Of several at once one succeeds; the others see it in progress, or nothing any more. */
export async function removeContainer(ctx: Context, container: Container, options: RemoveOptions): Promise<void> {
  if (container.removing) throw conflict(`removal of container ${container.id} is already in progress`);
  if (!options.force) refuse("remove", container);
  container.removing = true;
  try {
    for (let removed = false; !removed; ) {
      if (isActive(container.status)) await killForRemoval(ctx, container);
      await letListenersAsk(ctx, container);
      removed = await container.lock.run(async () => {
        // A start that was under way has come to its end only now.
        if (options.force && isActive(container.status)) return false;
        refuse("remove", container);
        await removeUnlocked(ctx, container, options);
        return true;
      });
    }
  } catch (error) {
    container.removing = false;
    if (!(error instanceof DhowError) || error.kind === "internal") {
      throw systemError(`cannot remove container "${container.name}": ${messageOf(error)}`, { cause: error });
    }
    throw error;
  }
}

/**
 * Who hears of an end asks after the container. Compose 2.40 (pkg/compose/monitor.go) falls over its own feet where that is gone
 * by then, which on dockerd it never is: there a removal takes its time.
 */
async function letListenersAsk(ctx: Context, container: Container): Promise<void> {
  const left = container.endToldAt + askingMs - performance.now();
  if (left > 0 && ctx.events.listeners > 0) await sleep(left);
}
