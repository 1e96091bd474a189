/** The root file system of a running container: out of the engine's mount table, and still at hand. */
import { messageOf } from "../lib/errors.ts";
import type { Container } from "./container.ts";
import { type Context, pathsOf } from "./context.ts";

/** Where the root of a running container is, bare of what is mounted in it. */
export const rootOf = (ctx: Context, container: Container): string =>
  container.root?.path ?? pathsOf(ctx, container.id).rootfs;

/** Takes the root of a process that runs out of the mount table. */
export function hideRoot(ctx: Context, container: Container): void {
  try {
    container.root ??= ctx.snapshots.hide(pathsOf(ctx, container.id).rootfs);
  } catch (error) {
    // It stays where it is, which costs others' starts some time.
    ctx.log(`container ${container.id}: its root stays mounted: ${messageOf(error)}`);
  }
}

/** Finds the root of a container that an earlier engine started. */
export function takeRootBack(ctx: Context, container: Container): void {
  const { id, record } = container;
  const { pid, startTime } = record.state;
  try {
    const { rootfs } = pathsOf(ctx, container.id);
    container.root ??= ctx.snapshots.hide(rootfs);
    if (!container.root && !ctx.snapshots.isMounted(rootfs))
      container.root = ctx.snapshots.hidden(id, rootfs, { pid, startTime });
  } catch (error) {
    ctx.log(`container ${container.id}: its root is only seen through its process: ${messageOf(error)}`);
    container.root = { path: `/proc/${pid}/root`, bare: false, close: async () => {} };
  }
}

/** Lets go of the root; the writable layer stays. */
export async function releaseRoot(ctx: Context, container: Container): Promise<void> {
  try {
    await ctx.snapshots.unmount(pathsOf(ctx, container.id).rootfs);
  } finally {
    // Read only now: the root may have left the mount table meanwhile.
    const { root } = container;
    container.root = null;
    await root?.close();
  }
}
