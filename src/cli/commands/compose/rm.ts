import { isRunning } from "../../../compose/plan/start.ts";
import { planRemove } from "../../../compose/plan/verbs.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { checkServices, containersOf } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";
import { confirm } from "../../prune.ts";

export const command = defineCommand({
  summary: "Remove the stopped containers of services",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    force: flag.bool("Do not ask", { short: "f" }),
    stop: flag.bool("Stop them first where they run", { short: "s" }),
    volumes: flag.bool("Remove their anonymous volumes too", { short: "v" }),
  },
  details: "Anonymous volumes stay unless -v says otherwise; what was written to no volume is gone.",
  async run(cli, input) {
    const { flags, args } = input;
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, args);
    const chosen = containersOf(observed, args, project).filter((container) => flags.stop || !isRunning(container));
    if (chosen.length === 0) {
      cli.err("No stopped containers\n");
      return 0;
    }
    const going = `Going to remove ${chosen.map(({ name }) => name).join(", ")}`;
    if (flags.force) cli.out(`${going}\n`);
    else if (!(await confirm(cli, going))) return 0;
    await scope.run(planRemove(project, chosen, flags), scope.performContext(project, observed));
    return 0;
  },
});
