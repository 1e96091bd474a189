import { flag, splitPair } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { buildServices } from "../../compose/build.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { pushServices } from "../../compose/push.ts";
import { Scope } from "../../compose/scope.ts";

/** What Docker's builder takes and this one does not yet. */
export const unbuiltBuildFlags = ["builder", "check", "print", "provenance", "sbom", "ssh"] as const;

export const command = defineCommand({
  summary: "Build the images of services",
  usage: "[SERVICE...]",
  args: { min: 0 },
  flags: {
    ...dryRunFlag,
    "build-arg": flag.list("Value of an ARG; without one it is taken from here", { kind: "stringArray" }),
    builder: flag.string("Another builder (not supported yet)"),
    check: flag.bool("Check the files only (not supported yet)"),
    memory: flag.bytes("Memory limit of RUN", { short: "m" }),
    "no-cache": flag.bool("Use no layer of an earlier build"),
    print: flag.bool("Print a bake file (not supported yet)"),
    provenance: flag.string("Record of how it was built (not supported yet)"),
    pull: flag.bool("Fetch base images though they are here"),
    push: flag.bool("Push the images"),
    quiet: flag.bool("Build without a word", { short: "q" }),
    sbom: flag.string("List of what is in it (not supported yet)"),
    ssh: flag.string("Agent or key for RUN (not supported yet)"),
    "with-dependencies": flag.bool("Build what they depend on too"),
  },
  async run(cli, input) {
    const { flags, changed, args } = input;
    const used = unbuiltBuildFlags.find((name) => changed.has(name) && flags[name] !== "false" && flags[name] !== "");
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
      args: Object.fromEntries(flags["build-arg"].flatMap((text) => argument(text))),
    });
    if (flags.push) await pushServices(scope, project, services, { quiet: flags.quiet, ignoreFailures: false });
    return 0;
  },
});

function argument(text: string): [string, string][] {
  const [name, value] = splitPair(text);
  if (text.includes("=")) return [[name, value]];
  const own = process.env[name];
  return own === undefined ? [] : [[name, own]];
}
