import { isRunning } from "../../../compose/plan/start.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { checkServices } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";
import { command as stats } from "../container/stats.ts";

export const command = defineCommand({
  summary: "Show what the project's containers use, live",
  usage: "[SERVICE]",
  args: { min: 0, max: 1 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    all: flag.bool("Show stopped ones too", { short: "a" }),
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template"),
    "no-stream": flag.bool("Print once and end"),
    "no-trunc": flag.bool("Cut nothing short"),
  },
  async run(cli, input) {
    const { flags, args } = input;
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, args);
    const ids = observed.containers
      .filter((container) => args.length === 0 || args.includes(container.service))
      .filter((container) => flags.all || isRunning(container))
      .map(({ id }) => id);
    return ids.length === 0 ? 0 : stats.run(cli, { ...input, args: ids });
  },
});
