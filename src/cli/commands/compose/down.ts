import { planDown } from "../../../compose/plan/down.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { checkServices } from "../../compose/choose.ts";
import { dryRunFlag, isOn } from "../../compose/globals.ts";
import { takeProvidersDown } from "../../compose/providers.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Stop and remove containers and networks",
  usage: "[SERVICES]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    "remove-orphans": flag.bool("Remove containers of services that the file does not have"),
    rmi: flag.string('Remove images too: "local" those without a name of their own, or "all"', {
      complete: ["local", "all"],
    }),
    timeout: flag.int("Seconds to wait for a stop", { short: "t" }),
    volumes: flag.bool("Remove the file's named volumes and the containers' anonymous ones", { short: "v" }),
  },
  async run(cli, input) {
    const { flags, changed, args } = input;
    const { rmi } = flags;
    if (rmi !== "" && rmi !== "local" && rmi !== "all")
      throw new ExitError(1, `invalid value for --rmi: ${JSON.stringify(rmi)}`);
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found({ profiles: ["*"] });
    checkServices(project, args);
    const plan = planDown(project, observed, {
      services: args,
      removeOrphans: flags["remove-orphans"] || isOn("COMPOSE_REMOVE_ORPHANS"),
      ignoreOrphans: isOn("COMPOSE_IGNORE_ORPHANS"),
      volumes: flags.volumes,
      images: rmi,
      ...(changed.has("timeout") && { timeout: flags.timeout }),
    });
    const provided = Object.values(project.services).some(({ provider }) => provider);
    if (plan.operations.length === 0 && !provided && Object.keys(project.networks).length === 0)
      scope.warn(`Warning: No resource found to remove for project ${JSON.stringify(project.name)}.`);
    await scope.run(plan, scope.performContext(project, observed));
    await takeProvidersDown(scope, project, args);
    return 0;
  },
});
