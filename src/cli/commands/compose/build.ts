import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { buildServices } from "../../compose/build.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { pushServices } from "../../compose/push.ts";
import { Scope } from "../../compose/scope.ts";

/** What Docker's client takes and this one does not yet. */
export const unbuiltBuildFlags = ["print"] as const;

export const command = defineCommand({
  summary: "Build the images of services",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    "build-arg": flag.list("Value of an ARG; without one it is taken from here", { kind: "stringArray" }),
    builder: flag.string("Another builder (there is one: default)"),
    check: flag.bool("Check the Dockerfiles only"),
    memory: flag.bytes("Memory limit of RUN", { short: "m" }),
    "no-cache": flag.bool("Use no layer of an earlier build"),
    print: flag.bool("Print a bake file (not supported yet)"),
    provenance: flag.string("Record how it was built: true, false, or mode=min|max"),
    pull: flag.bool("Fetch base images though they are here"),
    push: flag.bool("Push the images"),
    quiet: flag.bool("Build without a word", { short: "q" }),
    sbom: flag.string("List what is in it: true, or a generator's image"),
    ssh: flag.string("Agent or keys for RUN (default, id=socket)"),
    "with-dependencies": flag.bool("Build what they depend on too"),
  },
  async run(cli, input) {
    const { flags, changed, args } = input;
    const used = unbuiltBuildFlags.find((name) => flags[name]);
    if (used) throw new ExitError(1, `--${used} is not supported by this builder yet`);
    const scope = await Scope.open(cli, input);
    const project = await scope.project({ services: args, withoutDependencies: !flags["with-dependencies"] });
    const services = Object.values(project.services).filter(({ build }) => build !== undefined);
    if (services.length === 0) {
      scope.warn("No services to build");
      return 0;
    }
    await buildServices(scope, project, services, {
      quiet: flags.quiet,
      noCache: flags["no-cache"],
      pull: flags.pull,
      memory: flags.memory,
      args: flags["build-arg"],
      more: [
        ...(flags.check ? ["--check"] : []),
        ...(["builder", "provenance", "sbom", "ssh"] as const).flatMap((name) =>
          changed.has(name) ? [`--${name}=${flags[name]}`] : [],
        ),
      ],
    });
    if (flags.push) await pushServices(scope, project, services, { quiet: flags.quiet, ignoreFailures: false });
    return 0;
  },
});
