import { planRestart } from "../../../compose/plan/verbs.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { checkServices, containersOf } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Restart the containers of services",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    "no-deps": flag.bool("Leave alone what asked to be restarted with them"),
    timeout: flag.int("Seconds to wait for a stop", { short: "t" }),
  },
  async run(cli, input) {
    const { flags, changed, args } = input;
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, args);
    const plan = planRestart(project, containersOf(observed, [], project), {
      services: args,
      dependents: !flags["no-deps"],
      ...(changed.has("timeout") && { timeout: flags.timeout }),
    });
    await scope.run(plan, scope.performContext(project, observed));
    return 0;
  },
});
