import type { ContainerPruneResponse } from "../api/containers.ts";
import type { Filters } from "../api/filters.ts";
import { wallClockNanoseconds } from "../lib/clock.ts";
import { conflict, invalidArgument, isKind } from "../lib/errors.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { isActive } from "./lifecycle.ts";
import { hasLabel, sizesOf } from "./list.ts";
import { removeContainer } from "./remove.ts";
import { parseTime } from "./timestamps.ts";

/** Prunes that run at this moment, by engine. */
const running = new WeakSet<object>();

/** Removes what does not run; one prune at a time. */
export async function pruneContainers(ctx: Context, filters: Filters): Promise<ContainerPruneResponse> {
  if (running.has(ctx.index)) throw conflict("a prune operation is already running");
  const until = untilOf(filters);
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
  return until === undefined || (parseTime(container.record.created) ?? 0n) < until;
}

const unitSeconds: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3 };

/** A time, or a Go duration before now. */
function untilOf(filters: Filters): bigint | undefined {
  const values = filters.get("until") ?? [];
  const [text] = values;
  if (text === undefined) return undefined;
  if (values.length > 1) throw invalidArgument("more than one until filter specified");
  const time = parseTime(text);
  if (time !== undefined) return time;
  if (!/^(\d+(?:\.\d+)?(?:h|ms|m|s))+$/.test(text)) {
    throw invalidArgument(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  }
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)) {
    seconds += Number(amount) * (unitSeconds[unit ?? ""] ?? 0);
  }
  return wallClockNanoseconds() - BigInt(Math.round(seconds * 1e9));
}
