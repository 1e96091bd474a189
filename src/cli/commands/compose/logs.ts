import { parseTimestamp } from "../../../lib/duration.ts";
import { flag } from "../../../lib/flags.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import { defineCommand } from "../../command.ts";
import { AttachedLogs } from "../../compose/attached.ts";
import { checkServices, containersOf } from "../../compose/choose.ts";
import { printLog } from "../../compose/follow.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { LogPrinter, shortName } from "../../compose/log-printer.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Print what the containers of services wrote",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    follow: flag.bool("Go on with what comes", { short: "f" }),
    index: flag.int("Number of the container, where a service has several"),
    "no-color": flag.bool("Use no colours"),
    "no-log-prefix": flag.bool("Leave the containers' names away"),
    since: flag.string("Only what is newer than a time (2013-01-02T13:23:37Z) or a duration ago (42m)"),
    tail: flag.string("How many lines from the end, for each container", { short: "n", initial: "all" }),
    timestamps: flag.bool("Print when each line was written", { short: "t" }),
    until: flag.string("Only what is older than a time or a duration ago"),
  },
  async run(cli, input) {
    const { flags, args } = input;
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, args);
    const containers = containersOf(observed, args, project).filter(
      ({ number }) => flags.index === 0 || number === flags.index,
    );
    const colours =
      !flags["no-color"] && scope.flags.ansi !== "never" && (isTerminal(1) || scope.flags.ansi === "always");
    const printer = new LogPrinter(cli, scope.display, { colours, prefix: !flags["no-log-prefix"] });
    const named = containers.map(({ id, name }) => ({ id, name: shortName(project.name, name) }));
    for (const { name } of named) printer.register(name);
    const now = new Date();
    const query = {
      follow: flags.follow,
      since: parseTimestamp(flags.since, now),
      until: parseTimestamp(flags.until, now),
      tail: flags.tail,
      timestamps: flags.timestamps,
    };
    if (flags.follow && flags.index === 0) {
      const shown = new Set(args.length > 0 ? args : Object.keys(project.services));
      const logs = new AttachedLogs(scope.client, project, printer, { shown, timestamps: flags.timestamps });
      await logs.open();
      for (const container of containers) logs.attach(container, query);
      await logs.ended();
      await logs.close();
      return 0;
    }
    await Promise.all(named.map((container) => printLog(scope.client, printer, container, query)));
    return 0;
  },
});
