import type { ImageSearchResult } from "../../api/images.ts";
import { paths } from "../../api/paths.ts";
import { filterQuery, to } from "../../client/route-call.ts";
import { flag } from "../../lib/flags.ts";
import { defineCommand } from "../command.ts";
import { ellipsis } from "../container/listing.ts";
import { type Listing, printList } from "../format.ts";
import { registryAuthHeader } from "../image/auth.ts";

function listing(full: boolean): Listing<ImageSearchResult> {
  return {
    typeName: "*formatter.searchContext",
    quiet: "Name",
    columns: ["Name", "Description", "StarCount", "IsOfficial"],
    fields: {
      Description: {
        header: "DESCRIPTION",
        value: (row) => {
          const text = row.description.replace(/[\r\n]/g, " ");
          return full ? text : ellipsis(text, 45);
        },
      },
      IsAutomated: { header: "AUTOMATED", value: (row) => (row.is_automated ? "[OK]" : "") },
      IsOfficial: { header: "OFFICIAL", value: (row) => (row.is_official ? "[OK]" : "") },
      Name: { header: "NAME", value: (row) => row.name },
      StarCount: { header: "STARS", value: (row) => String(row.star_count) },
    },
  };
}

export const command = defineCommand({
  summary: "Look for images in Docker Hub",
  usage: "TERM",
  args: { min: 1, max: 1 },
  flags: {
    filter: flag.filter("Show only what meets a condition"),
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template"),
    limit: flag.int("Most results"),
    "no-trunc": flag.bool("Cut nothing short"),
  },
  async run(cli, { flags, args: [term = ""] }) {
    const client = await cli.client();
    const rows = await client.json<ImageSearchResult[]>(
      to(paths.imageSearch, {}, { term, limit: flags.limit || undefined, filters: filterQuery(flags.filter) }),
      { headers: await registryAuthHeader(cli, term) },
    );
    await printList(cli, listing(flags["no-trunc"]), rows, { format: flags.format });
    return 0;
  },
});
