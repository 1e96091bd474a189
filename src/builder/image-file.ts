/** The configuration of an image that a build ends as. */
import { withoutEmpty } from "../images/make-image.ts";
import type { StagePlan } from "./dockerfile/plan/plan.ts";
import type { StageResult } from "./solver/solver.ts";

/** The configuration file: equal results give equal bytes, for times are those of the layers. */
export function imageFile(
  { image }: StagePlan,
  { tree, root, rowTimes }: StageResult,
  epoch: number | null,
): Record<string, unknown> {
  const { architecture, os, variant, author, settings } = image;
  const inherited = root?.file.history ?? [];
  const time = (at: string): string => (epoch === null ? at : new Date(epoch * 1000).toISOString());
  const own = image.history.slice(inherited.length).map((row, i) => ({
    created: time(rowTimes[i] ?? rowTimes.at(-1) ?? ""),
    created_by: row.created_by,
    ...(row.comment === "" ? {} : { comment: row.comment }),
    ...(row.empty_layer ? { empty_layer: true } : {}),
  }));
  const created = own.at(-1)?.created ?? root?.file.created ?? new Date(0).toISOString();
  return {
    created,
    ...(author === "" ? {} : { author }),
    architecture,
    ...(variant === undefined || variant === "" ? {} : { variant }),
    os,
    config: withoutEmpty(settings),
    rootfs: { type: "layers", diff_ids: tree.map(({ diffId }) => diffId) },
    history: [...inherited.map(withoutEmpty), ...own],
  };
}
