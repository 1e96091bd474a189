import { volumeName } from "../../../compose/create/mounts.ts";
import { labels } from "../../../compose/labels.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { checkServices } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";
import { printList } from "../../format.ts";
import { volumeListing } from "../../volume/listing.ts";

export const command = defineCommand({
  summary: "List the project's volumes",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template", { initial: "table" }),
    quiet: flag.bool("Print names only", { short: "q" }),
  },
  async run(cli, input) {
    const { flags, args } = input;
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, args);
    const used = new Set(
      args.flatMap((name) =>
        (project.services[name]?.volumes ?? []).flatMap(({ type, source }) =>
          type === "volume" && source ? [volumeName(project, source)] : [],
        ),
      ),
    );
    const rows = [...observed.volumes.values()]
      .filter(({ Labels }) => Labels?.[labels.project] === project.name)
      .filter(({ Name }) => args.length === 0 || used.has(Name))
      .sort((a, b) => (a.Name < b.Name ? -1 : 1));
    await printList(cli, volumeListing, rows, { format: flags.format, quiet: flags.quiet });
    return 0;
  },
});
