import { messageOf } from "../lib/errors.ts";
import type { Context } from "./context.ts";

/**
 * Ends what runs under `id` without a record that could say how to end it (no record at all, an unreadable one, or one
 * whose removal had begun), and gives back what the runtime and the networks hold for it. Never throws.
 */
export async function endStranger(ctx: Context, id: string): Promise<void> {
  const target = { containerId: id };
  await ctx.runtime.signal(target, 9).catch(() => {});
  await ctx.runtime.forget(target).catch((error) => ctx.log(`stranger ${id}: ${messageOf(error)}`));
  await ctx.networks.detach(id).catch((error) => ctx.log(`stranger ${id}: ${messageOf(error)}`));
}
