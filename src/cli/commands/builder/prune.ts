import type { BuildPruneResponse } from "../../../api/build.ts";
import { paths } from "../../../api/paths.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { confirm, reportSpace } from "../../prune.ts";

export const command = defineCommand({
  summary: "Remove build cache",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    all: flag.bool("Remove what images stand on too", { short: "a" }),
    builder: flag.string("Another builder (there is one)"),
    debug: flag.bool("Accepted for compatibility", { short: "D" }),
    filter: flag.filter("Remove only what meets a condition (until=..., id=..., type=...)", { short: "" }),
    force: flag.bool("Do not ask", { short: "f" }),
    "keep-storage": flag.bytes("Space that may stay, by the older name"),
    "max-used-space": flag.bytes("Space that the cache may use at most"),
    "min-free-space": flag.bytes("Space of the disk that is to be free"),
    "reserved-space": flag.bytes("Space that may stay"),
    verbose: flag.bool("Accepted for compatibility: every entry is named"),
  },
  async run(cli, { flags }) {
    if (!["", "default"].includes(flags.builder))
      throw new ExitError(1, `no builder ${JSON.stringify(flags.builder)} found`);
    const warning = flags.all
      ? "WARNING! This will remove all build cache."
      : "WARNING! This will remove all dangling build cache.";
    if (!flags.force && !(await confirm(cli, warning))) return 1;
    const client = await cli.client();
    const reserved = flags["reserved-space"] || flags["keep-storage"];
    const query = {
      all: flags.all,
      // Daemons before API 1.48 know this one only.
      "keep-storage": reserved,
      "reserved-space": reserved,
      "max-used-space": flags["max-used-space"],
      "min-free-space": flags["min-free-space"],
      filters: filterQuery(flags.filter),
    };
    const { CachesDeleted, SpaceReclaimed } = await client.json<BuildPruneResponse>(to(paths.buildPrune, {}, query));
    if (CachesDeleted && CachesDeleted.length > 0)
      cli.out(`Deleted build cache objects:\n${CachesDeleted.join("\n")}\n\n`);
    reportSpace(cli, SpaceReclaimed);
    return 0;
  },
});
