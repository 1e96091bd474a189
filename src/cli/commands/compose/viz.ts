import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";
import { graphOf } from "../../compose/viz-graph.ts";

export const command = defineCommand({
  summary: "Draw the project: its services, what they depend on, networks and volumes",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    format: flag.string("text or svg", { initial: "text", complete: ["text", "svg"] }),
  },
  async run(cli, input) {
    const { flags, args } = input;
    if (flags.format !== "text" && flags.format !== "svg")
      throw new ExitError(1, `unsupported format ${JSON.stringify(flags.format)}: text or svg`);
    const scope = await Scope.open(cli, input);
    const graph = graphOf(await scope.project({ services: args }));
    if (flags.format === "svg") cli.out((await import("../../compose/viz-svg.ts")).vizSvg(graph));
    else cli.out((await import("../../compose/viz-text.ts")).vizText(graph));
    return 0;
  },
});
