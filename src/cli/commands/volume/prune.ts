import { paths } from "../../../api/paths.ts";
import type { VolumePruneResponse } from "../../../api/volumes.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { confirm, pruneFilters, reportRemoved, reportSpace } from "../../prune.ts";

export const command = defineCommand({
  summary: "Remove unused volumes",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    all: flag.bool("Remove named volumes too", { short: "a" }),
    filter: flag.filter("Remove only what meets a condition (label=..., until=...)", { short: "" }),
    force: flag.bool("Do not ask", { short: "f" }),
  },
  async run(cli, { flags }) {
    const warning = `WARNING! This will remove ${flags.all ? "all" : "anonymous"} local volumes not used by at least one container.`;
    if (!flags.force && !(await confirm(cli, warning))) return 1;
    const client = await cli.client();
    const filters = await pruneFilters(cli, flags.all ? { ...flags.filter, all: ["true"] } : flags.filter);
    const removed = await client.json<VolumePruneResponse>(
      to(paths.volumePrune, {}, { filters: filterQuery(filters) }),
    );
    reportRemoved(cli, "Deleted Volumes", removed.VolumesDeleted);
    reportSpace(cli, removed.SpaceReclaimed);
    return 0;
  },
});
