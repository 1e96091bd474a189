import type { ContainerSummary } from "../../../api/containers.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { statsListing, statsRows } from "../../container/stats.ts";
import { alignTable, printList } from "../../format.ts";

export const command = defineCommand({
  summary: "Show what containers use, live",
  usage: "[CONTAINER...]",
  args: { min: 0 },
  flags: {
    all: flag.bool("Show stopped ones too", { short: "a" }),
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template"),
    "no-stream": flag.bool("Print once and end"),
    "no-trunc": flag.bool("Cut nothing short"),
  },
  complete: "running",
  async run(cli, { flags, args }) {
    const client = await cli.client();
    const format = flags.format || ((await cli.config()).statsFormat ?? "");
    const listing = statsListing(flags["no-trunc"]);
    const names = async (): Promise<string[]> => {
      if (args.length > 0) return [...args];
      const rows = await client.json<ContainerSummary[]>(to(paths.containerList, {}, { all: flags.all }));
      return rows.map(({ Id }) => Id);
    };
    for (;;) {
      const rows = await statsRows(client, await names(), args.length > 0);
      if (!flags["no-stream"]) cli.out("\x1b[H\x1b[2J");
      if (rows.length === 0 && format === "")
        cli.out(alignTable([listing.columns.map((name) => listing.fields[name]!.header)]));
      else await printList(cli, listing, rows, { format });
      await cli.flush();
      if (flags["no-stream"]) return 0;
      await Bun.sleep(500);
    }
  },
});
