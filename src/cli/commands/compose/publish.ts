import { loadProject } from "../../../compose/load.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";

const publishFlags = {
  ...dryRunFlag,
  app: flag.bool("Publish the images too, by their digests"),
  "insecure-registry": flag.bool("Let the registry be one without TLS", { hidden: true }),
  "oci-version": flag.string("Release of the OCI image specification (default: whichever the registry takes)", {
    complete: ["1.0", "1.1"],
  }),
  "resolve-image-digests": flag.bool("Pin the images to their digests"),
  "with-env": flag.bool("Publish the files of variables too"),
  yes: flag.bool('Answer every question with "yes"', { short: "y" }),
};

export const command = defineCommand({
  summary: "Send the project's files to a registry, from where -f oci:// takes them",
  usage: "REPOSITORY[:TAG]",
  args: { min: 1, max: 1 },
  flags: publishFlags,
  async run(cli, input) {
    const { flags } = input;
    const [repository = ""] = input.args;
    const { ociVersion, publish } = await import("../../compose/publish.ts");
    const version = ociVersion(flags["oci-version"]);
    const scope = await Scope.open(cli, input);
    const options = scope.loadOptions({ profiles: ["*"] });
    const project = await loadProject({ ...options, allResources: true, resolveEnvironment: false });
    await publish(scope, project, {
      repository,
      version,
      app: flags.app,
      insecure: flags["insecure-registry"],
      resolveDigests: flags["resolve-image-digests"] || flags.app,
      withEnv: flags["with-env"],
      yes: flags.yes,
    });
    return 0;
  },
});
