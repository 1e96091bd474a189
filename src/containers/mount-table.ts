/**
 * What a running container stands on leaves the engine's mount table, for the runtime copies and reads that table at each start:
 * its root is held by a descriptor then, its network namespace by its process.
 */
import { messageOf } from "../lib/errors.ts";
import { isErrno } from "../linux/syscall-error.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { hasProcess } from "./lifecycle.ts";
import { hideRoot, takeRootBack } from "./root.ts";

/** A process that is gone by then never had anything moved; a burst of starts waits for none of it. */
const leaveAfterMs = 50;

/** For the process that was just started. */
export function leaveMountTableSoon(ctx: Context, container: Container): void {
  const { running } = container;
  setTimeout(() => {
    if (container.running !== running || !hasProcess(container.status)) return;
    hideRoot(ctx, container);
    leaveNetwork(ctx, container);
  }, leaveAfterMs).unref();
}

/** For a process that an earlier engine started. */
export function takeMountsBack(ctx: Context, container: Container): void {
  takeRootBack(ctx, container);
  leaveNetwork(ctx, container);
}

function leaveNetwork(ctx: Context, container: Container): void {
  const { running } = container;
  const { pid } = container.record.state;
  ctx.networks.leaveTo(pid, container.id).catch((error) => {
    if (container.running !== running || !hasProcess(container.status)) return;
    // The process has just ended.
    if (isErrno(error, "ENOENT")) return;
    ctx.log(`container ${container.id}: its network stays mounted: ${messageOf(error)}`);
  });
}
