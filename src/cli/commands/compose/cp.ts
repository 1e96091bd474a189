import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { containersOf, oneContainer } from "../../compose/choose.ts";
import { indexFlags } from "../../compose/delegate.ts";
import { Scope } from "../../compose/scope.ts";
import { copyFrom, copyTo, parseCopyArgument } from "../../container/copy.ts";

export const command = defineCommand({
  summary: "Copy files between a service's container and here",
  details:
    "- is a tar archive on standard input or output. Without --index, what is copied in goes to every container.",
  usage: "SERVICE:SRC_PATH DEST_PATH|-\nSRC_PATH|- SERVICE:DEST_PATH",
  args: { min: 2, max: 2 },
  flags: {
    ...indexFlags,
    all: flag.bool("Copy into the containers of one-off runs too"),
    archive: flag.bool("Keep owner and group", { short: "a" }),
    "follow-link": flag.bool("Copy what a link at the source points to", { short: "L" }),
  },
  async run(cli, input) {
    const { flags, args } = input;
    const [source, target] = args.map((text) => parseCopyArgument(text));
    const service = source?.container || target?.container || "";
    if (!source || !target || service === "") throw new ExitError(1, "unknown copy direction");
    if (source.container && target.container) throw new ExitError(1, "copying between services is not supported");
    const scope = await Scope.open(cli, input);
    const { observed, project } = await scope.found();
    if (containersOf(observed, [service], project).length === 0)
      throw new ExitError(1, `no container found for service ${JSON.stringify(service)}`);
    const one = oneContainer(observed, service, flags.index);
    if (scope.dryRun) return 0;
    const options = { archive: flags.archive, follow: flags["follow-link"], quiet: true };
    if (source.container) {
      await copyFrom(cli, one.id, source.path, target.path, options);
      return 0;
    }
    const mine = observed.containers.filter((each) => each.service === service && (flags.all || !each.oneoff));
    for (const { id } of flags.index > 0 ? [one] : mine) await copyTo(cli, source.path, id, target.path, options);
    return 0;
  },
});
