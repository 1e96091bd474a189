import type { NetworkPruneResponse } from "../../../api/networks.ts";
import { paths } from "../../../api/paths.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { confirm, pruneFilters, reportRemoved } from "../../prune.ts";

export const command = defineCommand({
  summary: "Remove all unused networks",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    filter: flag.filter("Remove only what meets a condition (label=..., until=...)", { short: "" }),
    force: flag.bool("Do not ask", { short: "f" }),
  },
  async run(cli, { flags }) {
    const warning = "WARNING! This will remove all custom networks not used by at least one container.";
    if (!flags.force && !(await confirm(cli, warning))) return 1;
    const client = await cli.client();
    const filters = await pruneFilters(cli, flags.filter);
    const removed = await client.json<NetworkPruneResponse>(
      to(paths.networkPrune, {}, { filters: filterQuery(filters) }),
    );
    reportRemoved(cli, "Deleted Networks", removed.NetworksDeleted);

    return 0;
  },
});
