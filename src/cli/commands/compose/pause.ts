import { planPause } from "../../../compose/plan/verbs.ts";
import { defineCommand } from "../../command.ts";
import { checkServices, containersOf } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Pause services",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: { ...dryRunFlag },
  async run(cli, input) {
    const { args } = input;
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, args);
    const containers = containersOf(observed, args, project);
    const plan = planPause(containers);
    await scope.run(plan, scope.performContext(project, observed));
    return 0;
  },
});
