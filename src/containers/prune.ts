import type { ContainerPruneResponse } from "../api/containers.ts";
import type { Filters } from "../api/filters.ts";
import { conflict, isKind } from "../lib/errors.ts";
import { parseUntil } from "../lib/until.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { isActive } from "./lifecycle.ts";
import { hasLabel, sizesOf } from "./list.ts";
import { removeContainer } from "./remove.ts";

/** Prunes that run at this moment, by engine. */
const running = new WeakSet<object>();

/** Removes what does not run; one prune at a time. */
export async function pruneContainers(ctx: Context, filters: Filters): Promise<ContainerPruneResponse> {
  if (running.has(ctx.index)) throw conflict("a prune operation is already running");
  const until = parseUntil(filters.get("until"));
  running.add(ctx.index);
  try {
    const deleted: string[] = [];
    let reclaimed = 0;
    for (const container of ctx.index.all()) {
      if (isActive(container.status) || container.removing || !chosen(container, filters, until)) continue;
      const { SizeRw } = await sizesOf(ctx, container).catch(() => ({ SizeRw: 0 }));
      try {
        await removeContainer(ctx, container, { force: false, volumes: false });
      } catch (error) {
        if (isKind(error, "conflict", "notFound")) continue;
        throw error;
      }
      deleted.push(container.id);
      reclaimed += SizeRw;
    }
    ctx.events.emit({ type: "container", action: "prune", id: "", attributes: { reclaimed: String(reclaimed) } });
    return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
  } finally {
    running.delete(ctx.index);
  }
}

function chosen(container: Container, filters: Filters, until: bigint | undefined): boolean {
  const { Labels } = container.record.config;
  if (!(filters.get("label") ?? []).every((value) => hasLabel(Labels, value))) return false;
  if ((filters.get("label!") ?? []).some((value) => hasLabel(Labels, value))) return false;
  return until === undefined || container.createdAt < until;
}
