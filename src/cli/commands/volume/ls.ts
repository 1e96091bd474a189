import { paths } from "../../../api/paths.ts";
import type { VolumeListResponse } from "../../../api/volumes.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { naturalOrder } from "../../../lib/natural-order.ts";
import { defineCommand } from "../../command.ts";
import { printList } from "../../format.ts";
import { volumeListing } from "../../volume/listing.ts";

export const command = defineCommand({
  summary: "List volumes",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    filter: flag.filter("Show only what meets a condition"),
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template"),
    quiet: flag.bool("Print names only", { short: "q" }),
  },
  async run(cli, { flags }) {
    const client = await cli.client();
    const { Volumes } = await client.json<VolumeListResponse>(
      to(paths.volumeList, {}, { filters: filterQuery(flags.filter) }),
    );
    const rows = (Volumes ?? []).sort((a, b) => naturalOrder(a.Name, b.Name));
    const format = flags.format || (flags.quiet ? "" : ((await cli.config()).volumesFormat ?? ""));
    await printList(cli, volumeListing, rows, { format, quiet: flags.quiet });
    return 0;
  },
});
