import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { converge } from "../../compose/converge.ts";
import { parseScale } from "../../compose/create-flags.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { imageDefaults } from "../../compose/images.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Set how many containers services have",
  usage: "[SERVICE=REPLICAS...]",
  args: { min: 1 },
  flags: { ...dryRunFlag, "no-deps": flag.bool("Leave dependencies alone") },
  async run(cli, input) {
    for (const text of input.args) {
      const [, count] = text.split("=");
      if (count === undefined) throw new ExitError(1, `invalid scale specifier: ${text}`);
      if (!/^\d+$/.test(count))
        throw new ExitError(1, `invalid scale specifier: can't parse replica value as int: ${text}`);
    }
    const scale = parseScale(input.args);
    const services = [...scale.keys()];
    const scope = await Scope.open(cli, input);
    const project = await scope.project({ services, withoutDependencies: input.flags["no-deps"] });
    await converge(scope, project, imageDefaults, {
      services,
      recreate: "diverged",
      recreateDependencies: "diverged",
      renewVolumes: false,
      removeOrphans: false,
      ignoreOrphans: true,
      scale,
      start: true,
    });
    return 0;
  },
});
