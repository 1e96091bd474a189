import type { ImagePruneResponse } from "../../../api/images.ts";
import { paths } from "../../../api/paths.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { confirm, pruneFilters, reportRemoved, reportSpace } from "../../prune.ts";

export const command = defineCommand({
  summary: "Remove unused images",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    all: flag.bool("Remove every image that no container uses", { short: "a" }),
    filter: flag.filter("Remove only what meets a condition (label=..., until=...)", { short: "" }),
    force: flag.bool("Do not ask", { short: "f" }),
  },
  async run(cli, { flags }) {
    const warning = flags.all
      ? "WARNING! This will remove all images without at least one container associated to them."
      : "WARNING! This will remove all dangling images.";
    if (!flags.force && !(await confirm(cli, warning))) return 1;
    const client = await cli.client();
    const filters = await pruneFilters(cli, { ...flags.filter, dangling: [String(!flags.all)] });
    const removed = await client.json<ImagePruneResponse>(to(paths.imagePrune, {}, { filters: filterQuery(filters) }));
    const lines = (removed.ImagesDeleted ?? []).map((each) =>
      each.Deleted !== undefined ? `deleted: ${each.Deleted}` : `untagged: ${each.Untagged}`,
    );
    reportRemoved(cli, "Deleted Images", lines);
    reportSpace(cli, removed.SpaceReclaimed);
    return 0;
  },
});
