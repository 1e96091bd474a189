import type { ImageSummary } from "../../../api/images.ts";
import { paths } from "../../../api/paths.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { printList } from "../../format.ts";
import { imageListing, imageRows } from "../../image/listing.ts";

/** What does not go with --tree. */
const treeless = ["quiet", "no-trunc", "digests", "format"];

export const command = defineCommand({
  summary: "List images",
  usage: "[REPOSITORY[:TAG]]",
  args: { min: 0, max: 1 },
  flags: {
    all: flag.bool("Show intermediate images too", { short: "a" }),
    digests: flag.bool("Show digests"),
    filter: flag.filter("Show only what meets a condition"),
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template"),
    "no-trunc": flag.bool("Cut nothing short"),
    quiet: flag.bool("Print IDs only", { short: "q" }),
    tree: flag.bool("Show each image with its platforms as a tree"),
  },
  complete: "images",
  async run(cli, { flags, changed, args: [name] }) {
    if (flags.tree) {
      const clash = treeless.find((name) => changed.has(name));
      if (clash) throw new Error(`--${clash === "digests" ? "show-digest" : clash} is not yet supported with --tree`);
    }
    const client = await cli.client();
    const filters =
      name === undefined ? flags.filter : { ...flags.filter, reference: [...(flags.filter.reference ?? []), name] };
    if (flags.tree) {
      const query = { all: flags.all, filters: filterQuery(filters), manifests: true };
      const listed = await client.json<ImageSummary[]>(to(paths.imageList, {}, query));
      const { platformTree } = await import("../../image/platform-tree.ts");
      const { isTerminal, terminalSize } = await import("../../../lib/terminal.ts");
      const untagged = flags.all || flags.filter.dangling !== undefined;
      cli.out(platformTree(listed, untagged, { width: terminalSize()?.columns ?? 80, terminal: isTerminal(1) }));
      return 0;
    }
    const images = await client.json<ImageSummary[]>(
      to(paths.imageList, {}, { all: flags.all, filters: filterQuery(filters) }),
    );
    const format = flags.format || (flags.quiet ? "" : ((await cli.config()).imagesFormat ?? ""));
    const digests = flags.digests || /\.Digest\b/.test(format);
    const listing = imageListing(flags["no-trunc"], flags.digests);
    const columns = flags.digests ? ["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"] : listing.columns;
    await printList(cli, listing, imageRows(images, digests), { format, quiet: flags.quiet, columns });
    return 0;
  },
});
