import { planStartExisting } from "../../../compose/plan/verbs.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { checkServices, containersOf } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Start the containers of services that are there",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: { ...dryRunFlag },
  async run(cli, input) {
    const { args } = input;
    const scope = await Scope.open(cli, input);
    const { project, observed, fromFiles } = await scope.found();
    if (!fromFiles && observed.containers.length === 0)
      throw new ExitError(1, `no container found for project ${JSON.stringify(project.name)}: not found`);
    checkServices(project, args);
    const plan = planStartExisting(project, containersOf(observed, [], project), args);
    await scope.run(plan, scope.performContext(project, observed));
    return 0;
  },
});
