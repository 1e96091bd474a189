import { paths } from "../../../api/paths.ts";
import type { Volume, VolumeListResponse } from "../../../api/volumes.ts";
import { filterQuery, to } from "../../../client/client.ts";
import { flag } from "../../../lib/flags.ts";
import { humanSize } from "../../../lib/units.ts";
import { defineCommand } from "../../command.ts";
import { showLabels } from "../../container/listing.ts";
import { type Listing, printList } from "../../format.ts";

const listing: Listing<Volume> = {
  typeName: "*formatter.volumeContext",
  quiet: "Name",
  columns: ["Driver", "Name"],
  methods: { Label: (row, name = "") => row.Labels?.[name] ?? "" },
  fields: {
    Availability: { header: "AVAILABILITY", value: () => "N/A" },
    Driver: { header: "DRIVER", value: (row) => row.Driver },
    Group: { header: "GROUP", value: () => "N/A" },
    Labels: { header: "LABELS", value: (row) => showLabels(row.Labels) },
    Links: { header: "LINKS", value: (row) => (row.UsageData ? String(row.UsageData.RefCount) : "N/A") },
    Mountpoint: { header: "MOUNTPOINT", value: (row) => row.Mountpoint },
    Name: { header: "VOLUME NAME", value: (row) => row.Name },
    Scope: { header: "SCOPE", value: (row) => row.Scope },
    Size: { header: "SIZE", value: (row) => (row.UsageData ? humanSize(row.UsageData.Size) : "N/A") },
    Status: { header: "STATUS", value: () => "N/A" },
  },
};

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
    const rows = (Volumes ?? []).sort((a, b) => a.Name.localeCompare(b.Name, "en", { numeric: true }));
    const format = flags.format || (flags.quiet ? "" : ((await cli.config()).volumesFormat ?? ""));
    await printList(cli, listing, rows, { format, quiet: flags.quiet });
    return 0;
  },
});
