import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { pushServices } from "../../compose/push.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Send the images of services to their registries",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    "ignore-push-failures": flag.bool("Push what can be pushed"),
    "include-deps": flag.bool("Push those of what they depend on too"),
    quiet: flag.bool("Push without a word", { short: "q" }),
  },
  async run(cli, input) {
    const { flags, args } = input;
    const scope = await Scope.open(cli, input);
    const project = await scope.project({ services: args, withoutDependencies: !flags["include-deps"] });
    const services = Object.values(project.services);
    for (const { name, build, image } of services) if (!build || !image) scope.display.tell(name, "Skipped", "warning");
    const named = services.filter(({ build, image }) => build !== undefined && image !== undefined);
    await pushServices(scope, project, named, { quiet: flags.quiet, ignoreFailures: flags["ignore-push-failures"] });
    return 0;
  },
});
