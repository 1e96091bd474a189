import { planStop } from "../../../compose/plan/verbs.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { checkServices, containersOf } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Stop services",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: { ...dryRunFlag, timeout: flag.int("Seconds to wait for a stop", { short: "t" }) },
  async run(cli, input) {
    const { flags, changed, args } = input;
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, args);
    const containers = containersOf(observed, args, project);
    const plan = planStop(project, containers, changed.has("timeout") ? flags.timeout : undefined);
    await scope.run(plan, scope.performContext(project, observed));
    return 0;
  },
});
