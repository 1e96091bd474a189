import { imageOf } from "../../../compose/create/container-body.ts";
import { observeImages } from "../../../compose/observe.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { pullServices } from "../../compose/images.ts";
import { Scope } from "../../compose/scope.ts";
import { splitReference } from "../../image/pull.ts";

export const command = defineCommand({
  summary: "Fetch the images of services",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    "ignore-buildable": flag.bool("Leave out what can be built"),
    "ignore-pull-failures": flag.bool("Fetch what can be fetched"),
    "include-deps": flag.bool("Fetch those of what they depend on too"),
    policy: flag.string("missing or always", { complete: ["missing", "always"] }),
    quiet: flag.bool("Pull without a word", { short: "q" }),
  },
  async run(cli, input) {
    const { flags, args } = input;
    if (!["", "missing", "always"].includes(flags.policy))
      throw new ExitError(1, `invalid --policy option ${JSON.stringify(flags.policy)}`);
    const scope = await Scope.open(cli, input);
    const project = await scope.project({ services: args, withoutDependencies: !flags["include-deps"] });
    const all = Object.values(project.services);
    const here = await observeImages(
      scope.client,
      all.map((service) => imageOf(project, service)),
    );
    const pulling = new Map<string, string>();
    const wanted = all.filter((service) => {
      const { name, image, build, provider } = service;
      const policy = flags.policy || service.pull_policy || "";
      const skip = (why: string): false => {
        scope.display.tell(name, why === "" ? "Skipped" : `Skipped - ${why}`, "done");
        return false;
      };
      if (provider) return skip("");
      if (!image) return skip("No image to be pulled");
      if (policy === "never" || policy === "build") return skip("");
      // What is the latest may be another one by now.
      const present = here.has(imageOf(project, service)) && !/^latest$|^$/.test(splitReference(image).tag);
      if (policy === "missing" && present) return skip("Image is already present locally");
      if (build && flags["ignore-buildable"]) return skip("Image can be built");
      const other = pulling.get(image);
      if (other !== undefined) return skip(`Image is already being pulled by ${other}`);
      pulling.set(image, name);
      return true;
    });
    await pullServices(scope, project, wanted, { quiet: flags.quiet, ignoreFailures: flags["ignore-pull-failures"] });
    await scope.display.end();
    return 0;
  },
});
