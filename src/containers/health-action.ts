import { isKind } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { killUnhealthy, restartContainer, stopContainer } from "./stop.ts";

/**
 * `--health-on-failure`: `restart` and `stop` are a user's, so that a stopped container stays stopped; what `kill` ends has
 * died by itself, and its restart policy applies.
 */
export async function actOnUnhealthy(ctx: Context, container: Container): Promise<void> {
  const action = container.record.config.Healthcheck?.OnFailure ?? "none";
  if (action === "none") return;
  ctx.log(`container ${container.id}: unhealthy: ${action}`);
  try {
    if (action === "kill") await killUnhealthy(ctx, container);
    else if (action === "stop") await stopContainer(ctx, container, {});
    else await restartContainer(ctx, container, {}, background());
  } catch (error) {
    // It has ended meanwhile.
    if (!isKind(error, "notModified", "notFound")) throw error;
  }
}
