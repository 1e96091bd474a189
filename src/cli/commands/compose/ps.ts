import { orphansOf } from "../../../compose/plan/orphans.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { checkServices } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { psListing } from "../../compose/ps-listing.ts";
import { Scope } from "../../compose/scope.ts";
import { printList } from "../../format.ts";

const states = ["paused", "restarting", "removing", "running", "dead", "created", "exited"];

export const command = defineCommand({
  summary: "List the project's containers",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    all: flag.bool("Show stopped ones and those of one-off runs too", { short: "a" }),
    filter: flag.string("Show only what meets a condition (status=STATE)"),
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template", { initial: "table" }),
    "no-trunc": flag.bool("Cut nothing short"),
    orphans: flag.bool("Show containers of services that the file does not have", { initial: true }),
    quiet: flag.bool("Print IDs only", { short: "q" }),
    services: flag.bool("Print the services' names only"),
    status: flag.list("Show only those in this state", { kind: "stringArray", complete: states }),
  },
  async run(cli, input) {
    const { flags, args } = input;
    const wanted = [...flags.status, ...statusFilter(flags.filter)];
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, args);
    const orphans = new Set(flags.orphans && args.length === 0 ? [] : orphansOf(project, observed).map(({ id }) => id));
    const shown = observed.containers
      .filter(({ service }) => args.length === 0 || args.includes(service))
      .filter(({ id }) => !orphans.has(id))
      .filter(({ oneoff }) => flags.all || !oneoff)
      .filter(
        ({ state }) =>
          flags.all || wanted.length > 0 || ["running", "paused", "restarting", "removing"].includes(state),
      )
      .filter(({ state }) => wanted.length === 0 || wanted.includes(state))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    if (flags.services) {
      for (const service of new Set(shown.map(({ service }) => service))) cli.out(`${service}\n`);
      return 0;
    }
    if (flags.quiet) {
      for (const { id } of shown) cli.out(`${id}\n`);
      return 0;
    }
    const rows = shown.map(({ summary }) => summary);
    await printList(cli, psListing(flags["no-trunc"]), rows, { format: flags.format });
    return 0;
  },
});

function statusFilter(filter: string): string[] {
  if (filter === "") return [];
  const [key, value] = filter.split("=");
  if (value === undefined) throw new ExitError(1, "arguments to --filter should be in form KEY=VAL");
  if (key === "source") throw new ExitError(1, "filter source is not supported");
  if (key !== "status") throw new ExitError(1, `unknown filter ${key}`);
  return [value];
}
