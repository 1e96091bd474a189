/** What starts by its policy when the engine does, and when. */
import { messageOf } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import type { Dependencies } from "./dependencies.ts";
import { scheduleRestart } from "./exits.ts";
import { linkedContainers } from "./links.ts";
import { shouldStartWithEngine } from "./restart-policy.ts";
import { cancelRestart, startLocked } from "./start.ts";
import { type Awaited, startOrder } from "./start-order.ts";

export interface InOrder {
  readonly container: Container;
  readonly awaited: readonly Awaited[];
}

/**
 * Every readable container after those of its Compose project that it depends on, and otherwise the oldest first: one is
 * older than those that link to it, whose starts wait for its own.
 */
export function inStartOrder(ctx: Context): InOrder[] {
  const whole = ctx.index.all().filter(({ broken }) => broken === null);
  const oldestFirst = whole.sort((a, b) => (a.record.created < b.record.created ? -1 : 1));
  const byId = new Map(oldestFirst.map((container) => [container.id, container]));
  const labelled = oldestFirst.map(({ id, record }) => ({ id, labels: record.config.Labels ?? {} }));
  return [...startOrder(labelled)].flatMap(([id, awaited]) => {
    const container = byId.get(id);
    return container ? [{ container, awaited }] : [];
  });
}

/** Starts what its policy says, in its time; answers at once. */
export function startWithEngine(
  ctx: Context,
  container: Container,
  dependencies: Dependencies,
  awaited: readonly Awaited[],
): void {
  if (container.status === "restarting") restartInTurn(ctx, container, dependencies, awaited);
  else if (container.status === "exited") startByPolicy(ctx, container, dependencies, awaited);
}

/** One that waits for its restart, since before the engine began or since its end was heard. */
function restartInTurn(
  ctx: Context,
  container: Container,
  dependencies: Dependencies,
  awaited: readonly Awaited[],
): void {
  if (awaited.length === 0) {
    if (!container.restart) scheduleRestart(ctx, container, 0);
    return;
  }
  cancelRestart(container);
  void dependencies.met(awaited).then(() => {
    if (container.status !== "restarting" || container.restart || ctx.closing.signal.aborted) return;
    container.backoff = 0;
    scheduleRestart(ctx, container, 0);
  });
}

function startByPolicy(
  ctx: Context,
  container: Container,
  dependencies: Dependencies,
  awaited: readonly Awaited[],
): void {
  const { record } = container;
  const wanted = shouldStartWithEngine(record.hostConfig.RestartPolicy, {
    exitCode: record.state.exitCode,
    manuallyStopped: record.manuallyStopped,
    restartCount: record.restartCount,
  });
  if (!wanted) return;
  const start = async (): Promise<void> => {
    if (awaited.length > 0) await dependencies.met(awaited);
    await container.lock.run(async () => {
      // Somebody may have started, ended or removed it meanwhile.
      if (container.status !== "exited" || container.removing || ctx.closing.signal.aborted) return;
      if (container.record.state.startedAt !== record.state.startedAt) return;
      await Promise.all(linkedContainers(ctx, container).map((linked) => linked.lock.run(async () => {})));
      await startLocked(ctx, container, background(), { manuallyStopped: false });
    });
  };
  const started = start().catch((error) =>
    ctx.log(`container ${container.id}: start by policy failed: ${messageOf(error)}`),
  );
  dependencies.starts(container.id, started);
}
