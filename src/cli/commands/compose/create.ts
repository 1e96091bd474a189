import { defineCommand } from "../../command.ts";
import { converge, volumeConsent } from "../../compose/converge.ts";
import { checkCreateFlags, createFlags, imageOptions, upOptions } from "../../compose/create-flags.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Create the containers of services",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: { ...createFlags, ...dryRunFlag },
  async run(cli, input) {
    const { flags, args } = input;
    checkCreateFlags(flags);
    const scope = await Scope.open(cli, input);
    const project = await scope.project({ services: args });
    await converge(scope, project, imageOptions(flags), upOptions(flags, args, false), {
      volumes: volumeConsent(flags),
    });
    return 0;
  },
});
