import type { ImageHistoryResponseItem } from "../../../api/images.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { humanSize } from "../../../lib/units.ts";
import { defineCommand } from "../../command.ts";
import { ellipsis, shortId } from "../../container/listing.ts";
import { type Listing, printList } from "../../format.ts";
import { platformQuery } from "../../image/platform.ts";
import { ago } from "../../times.ts";

/** An age, of what has one. */
const shownAge = (seconds: number): string => (seconds <= 0 ? "N/A" : ago(seconds));

function listing(full: boolean, human: boolean): Listing<ImageHistoryResponseItem> {
  return {
    typeName: "*image.historyContext",
    quiet: "ID",
    columns: ["ID", human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"],
    fields: {
      Comment: { header: "COMMENT", value: (row) => row.Comment },
      CreatedAt: {
        header: "CREATED AT",
        value: (row) => new Date(row.Created * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
      },
      CreatedBy: {
        header: "CREATED BY",
        value: (row) => {
          const text = row.CreatedBy.replace(/\t/g, " ");
          return full ? text : ellipsis(text, 45);
        },
      },
      CreatedSince: {
        header: "CREATED",
        value: (row) =>
          human ? shownAge(row.Created) : new Date(row.Created * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
      },
      ID: { header: "IMAGE", value: (row) => (full ? row.Id : shortId(row.Id)) },
      Size: { header: "SIZE", value: (row) => (human ? humanSize(row.Size, 3) : String(row.Size)) },
    },
  };
}

export const command = defineCommand({
  summary: "Show how an image came to be",
  usage: "IMAGE",
  args: { min: 1, max: 1 },
  flags: {
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template"),
    human: flag.bool("Print sizes and dates for people", { short: "H", initial: true }),
    "no-trunc": flag.bool("Cut nothing short"),
    platform: flag.string("Platform of the image, os[/arch[/variant]]"),
    quiet: flag.bool("Print IDs only", { short: "q" }),
  },
  complete: "images",
  async run(cli, { flags, args: [name = ""] }) {
    const client = await cli.client();
    const rows = await client.json<ImageHistoryResponseItem[]>(
      to(paths.imageHistory, { name }, { platform: platformQuery(flags.platform, "invalid platform: ") }),
    );
    await printList(cli, listing(flags["no-trunc"], flags.human), rows, { format: flags.format, quiet: flags.quiet });
    return 0;
  },
});
