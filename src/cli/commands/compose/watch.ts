import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { converge } from "../../compose/converge.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { imageDefaults } from "../../compose/images.ts";
import { Scope } from "../../compose/scope.ts";
import { watchProject } from "../../compose/watch.ts";

export const command = defineCommand({
  summary: "Carry changes of the sources into the project's containers as they are made",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    "no-up": flag.bool("Do not build and start the services first"),
    prune: flag.bool("Remove dangling images after a rebuild", { initial: true }),
    quiet: flag.bool("Build without a word"),
  },
  async run(cli, input) {
    const { flags, args } = input;
    const scope = await Scope.open(cli, input);
    const project = await scope.project({ services: args });
    if (!flags["no-up"]) {
      await converge(
        scope,
        project,
        { ...imageDefaults, quietBuild: flags.quiet },
        {
          services: args,
          recreate: "diverged",
          recreateDependencies: "diverged",
          renewVolumes: false,
          removeOrphans: false,
          ignoreOrphans: true,
          scale: new Map(),
          start: true,
        },
      );
    }
    if (scope.dryRun) return 0;
    const ended = new AbortController();
    process.once("SIGINT", () => ended.abort());
    process.once("SIGTERM", () => ended.abort());
    await watchProject(scope, project, { quiet: flags.quiet, prune: flags.prune, signal: ended.signal });
    return 130;
  },
});
