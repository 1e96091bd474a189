import type { Network } from "../../../api/networks.ts";
import { paths } from "../../../api/paths.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { naturalOrder } from "../../../lib/natural-order.ts";
import { defineCommand } from "../../command.ts";
import { shortId, showLabels } from "../../container/listing.ts";
import { type Listing, printList } from "../../format.ts";
import { goTime } from "../../times.ts";

function listing(full: boolean): Listing<Network> {
  return {
    raw: {
      full: "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
      quiet: "network_id: {{.ID}}",
    },
    typeName: "*network.networkContext",
    quiet: "ID",
    columns: ["ID", "Name", "Driver", "Scope"],
    methods: { Label: (row, name = "") => row.Labels?.[name] ?? "" },
    fields: {
      CreatedAt: { header: "CREATED AT", value: (row) => goTime(row.Created) },
      Driver: { header: "DRIVER", value: (row) => row.Driver },
      ID: { header: "NETWORK ID", value: (row) => (full ? row.Id : shortId(row.Id)) },
      IPv4: { header: "IPV4", value: (row) => String(row.EnableIPv4) },
      IPv6: { header: "IPV6", value: (row) => String(row.EnableIPv6) },
      Internal: { header: "INTERNAL", value: (row) => String(row.Internal) },
      Labels: { header: "LABELS", value: (row) => showLabels(row.Labels) },
      Name: { header: "NAME", value: (row) => row.Name },
      Scope: { header: "SCOPE", value: (row) => row.Scope },
    },
  };
}

export const command = defineCommand({
  summary: "List networks",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    filter: flag.filter("Show only what meets a condition"),
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template"),
    "no-trunc": flag.bool("Cut nothing short"),
    quiet: flag.bool("Print IDs only", { short: "q" }),
  },
  async run(cli, { flags }) {
    const client = await cli.client();
    const rows = await client.json<Network[]>(to(paths.networkList, {}, { filters: filterQuery(flags.filter) }));
    rows.sort((a, b) => naturalOrder(a.Name, b.Name));
    const format = flags.format || (flags.quiet ? "" : ((await cli.config()).networksFormat ?? ""));
    await printList(cli, listing(flags["no-trunc"]), rows, { format, quiet: flags.quiet });
    return 0;
  },
});
