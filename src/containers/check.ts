/** The part of `system check` that is about containers: what each needs on the disk, and what belongs to none. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { CheckReport } from "../images/check/report.ts";
import { isKind, messageOf } from "../lib/errors.ts";
import type { Container } from "./container.ts";
import { type Context, pathsOf } from "./context.ts";
import { hasProcess } from "./lifecycle.ts";

/** Checks every container; with `leftovers` also what no record knows. Answers how many containers there are. */
export async function checkContainers(ctx: Context, report: CheckReport, leftovers: boolean): Promise<number> {
  await checkRows(ctx, report);
  for (const container of ctx.index.all()) await checkContainer(ctx, container, report);
  if (leftovers) await checkLeftovers(ctx, report);
  return ctx.index.all().length;
}

/** True when there is, or is about to be, a container of that id. */
export function isKnown(ctx: Context, id: string): boolean {
  try {
    return ctx.index.all().some((container) => container.id === id) || ctx.records.get(id) !== undefined;
  } catch (error) {
    if (isKind(error, "dataLoss")) return true;
    throw error;
  }
}

/** Rows that cannot be read. One that was spoilt while the daemon ran is in its memory still. */
async function checkRows(ctx: Context, report: CheckReport): Promise<void> {
  for (const { id, reason, newer } of ctx.records.list().broken) {
    const container = ctx.index.all().find((each) => each.id === id);
    const found = {
      kind: "record" as const,
      id,
      usedBy: container && container.broken === null ? [container.name] : [],
      problem: `the container's record is unreadable: ${reason}`,
      advice: newer ? "use the version of dhow that wrote it" : `remove it: dhow rm -f ${id}`,
    };
    if (newer || !container || container.broken !== null) await report.finding(found);
    else
      await report.finding(found, async () => {
        if (ctx.index.find(id) !== container) return "removed by now";
        ctx.db.transaction("full", (tx) => ctx.records.put(tx, id, container.record));
        return "written again from what the daemon knows";
      });
  }
}

async function checkContainer(ctx: Context, container: Container, report: CheckReport): Promise<void> {
  const { id, name, record, broken } = container;
  const advice = `what it wrote is lost: remove it (dhow rm -f ${name})`;
  if (broken !== null || container.removing || container.status === "removing" || container.status === "dead") return;
  const about = { kind: "container" as const, id, usedBy: [name], advice };
  if (!ctx.snapshots.hasKey(id)) await report.finding({ ...about, problem: "its writable layer is missing" });
  const below = layersProblem(ctx, record.chainId);
  if (below !== null) {
    const repair = "repair the layer of its image (dhow system check --repair), or remove the container";
    await report.finding({ ...about, problem: `of the layers it stands on, ${below}`, advice: repair });
  }
  const { dir } = pathsOf(ctx, id);
  if (existsSync(dir)) return;
  const problem = "its directory, with its logs, is missing";
  await report.finding({ ...about, problem, advice: "dhow system check --repair makes an empty one" }, async () => {
    mkdirSync(dir, { recursive: true, mode: 0o710 });
    return "an empty one is there again";
  });
}

function layersProblem(ctx: Context, chainId: string | null): string | null {
  if (chainId === null) return null;
  try {
    const missing = ctx.snapshots.care.directories(chainId).find((dir) => !existsSync(dir));
    return missing === undefined ? null : `the files of ${missing} are missing`;
  } catch (error) {
    if (isKind(error, "notFound", "dataLoss")) return messageOf(error);
    throw error;
  }
}

async function checkLeftovers(ctx: Context, report: CheckReport): Promise<void> {
  const advice = "dhow system check --repair removes it";
  for (const key of await ctx.snapshots.keys()) {
    if (!/^[0-9a-f]{64}$/.test(key) || isKnown(ctx, key)) continue;
    const problem = "a writable layer of a container that does not exist";
    await report.finding({ kind: "leftover", id: key, problem, advice }, async () => {
      if (isKnown(ctx, key)) return "known by now";
      await ctx.snapshots.remove(key);
      return "removed";
    });
  }
  for (const id of readdirSync(ctx.paths.containers)) {
    if (isKnown(ctx, id)) continue;
    const problem = "a directory of a container that does not exist";
    await report.finding({ kind: "leftover", id: join("containers", id), problem, advice }, async () => {
      if (isKnown(ctx, id)) return "known by now";
      ctx.discard(join(ctx.paths.containers, id));
      return "removed";
    });
  }
}

/**
 * Names of those of `keys`, and of containers that `isMeant` picks, that have a process or that something is being done with. A key
 * without a container is one that is being made.
 */
export function busyContainers(
  ctx: Context,
  keys: readonly string[],
  isMeant: (container: Container) => boolean,
): string[] {
  const isBusy = (container: Container): boolean => hasProcess(container.status) || !container.lock.isFree;
  const meant = ctx.index.all().filter((container) => keys.includes(container.id) || isMeant(container));
  const unknown = keys.filter((key) => !ctx.index.all().some(({ id }) => id === key));
  return [...meant.filter(isBusy).map(({ name }) => name), ...unknown];
}
