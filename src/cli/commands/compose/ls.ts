import type { ContainerSummary } from "../../../api/containers.ts";
import { paths } from "../../../api/paths.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { labels } from "../../../compose/labels.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { alignTable } from "../../format.ts";

export const command = defineCommand({
  summary: "List projects",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    ...dryRunFlag,
    all: flag.bool("Show those whose containers have all stopped too", { short: "a" }),
    filter: { ...flag.filter("Show only what meets a condition (name=REGEXP)"), short: "" },
    format: flag.string("How to print: table or json", { initial: "table", complete: ["table", "json"] }),
    quiet: flag.bool("Print names only", { short: "q" }),
  },
  async run(cli, { flags }) {
    if (flags.format !== "table" && flags.format !== "json")
      throw new ExitError(1, `format value ${JSON.stringify(flags.format)} could not be parsed: parsing failed`);
    const unknown = Object.keys(flags.filter).find((name) => name !== "name");
    if (unknown !== undefined) throw new ExitError(1, `invalid filter '${unknown}'`);
    const client = await cli.client();
    const filters = filterQuery({ label: [labels.project, labels.configHash] });
    const all = flags.all;
    const rows = await client.json<ContainerSummary[]>(to(paths.containerList, {}, { all, filters }));
    const patterns = (flags.filter.name ?? []).map((text) => new RegExp(text));
    const projects = Map.groupBy(rows, (row) => row.Labels[labels.project] ?? "");
    const found = [...projects]
      .filter(([name]) => patterns.every((pattern) => pattern.test(name)))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, mine]) => ({ Name: name, Status: statusOf(mine), ConfigFiles: filesOf(mine) }));
    if (flags.quiet) for (const { Name } of found) cli.out(`${Name}\n`);
    else if (flags.format === "json") cli.out(`${JSON.stringify(found)}\n`);
    else {
      const lines = found.map(({ Name, Status, ConfigFiles }) => [Name, Status, ConfigFiles]);
      cli.out(alignTable([["NAME", "STATUS", "CONFIG FILES"], ...lines]));
    }
    return 0;
  },
});

/** `exited(1), running(2)`. */
function statusOf(rows: readonly ContainerSummary[]): string {
  const states = Map.groupBy(rows, ({ State }) => State);
  return [...states]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([state, mine]) => `${state}(${mine.length})`)
    .join(", ");
}

function filesOf(rows: readonly ContainerSummary[]): string {
  const files = rows.flatMap((row) => (row.Labels[labels.configFiles] ?? "").split(","));
  return [...new Set(files)].join(",") || "N/A";
}
