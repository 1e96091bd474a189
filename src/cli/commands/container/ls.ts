import type { ContainerSummary } from "../../../api/containers.ts";
import { paths } from "../../../api/paths.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { containerListing } from "../../container/listing.ts";
import { printList } from "../../format.ts";

export const command = defineCommand({
  summary: "List containers",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    all: flag.bool("Show stopped ones too", { short: "a" }),
    filter: flag.filter("Show only what meets a condition"),
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template"),
    last: flag.int("Show the newest N, running or not", { short: "n", initial: -1 }),
    latest: flag.bool("Show the newest, running or not", { short: "l" }),
    "no-trunc": flag.bool("Cut nothing short"),
    quiet: flag.bool("Print IDs only", { short: "q" }),
    size: flag.bool("Show sizes", { short: "s" }),
  },
  async run(cli, { flags }) {
    const client = await cli.client();
    if (flags.quiet && flags.format) {
      cli.err("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
    }
    const format = flags.quiet && flags.format !== "raw" ? "" : flags.format || ((await cli.config()).psFormat ?? "");
    if (format.includes("{{")) {
      const { compileFormat, psRefusal } = await import("../../format-template.ts");
      compileFormat(format, {}, psRefusal);
    }
    const size = flags.size || /\.Size\b|json \./.test(format);
    const limit = flags.latest ? 1 : flags.last;
    const rows = await client.json<ContainerSummary[]>(
      to(
        paths.containerList,
        {},
        { all: flags.all, limit: limit > 0 ? limit : undefined, size, filters: filterQuery(flags.filter) },
      ),
    );
    const listing = containerListing(flags["no-trunc"], flags.size);
    const columns = flags.size ? [...listing.columns, "Size"] : listing.columns;
    await printList(cli, listing, rows, { format, quiet: flags.quiet, columns });
    return 0;
  },
});
