import { flag } from "../../../lib/flags.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import { defineCommand } from "../../command.ts";
import { copyFrom, copyTo, parseCopyArgument } from "../../container/copy.ts";

export const command = defineCommand({
  summary: "Copy files between a container and here",
  details: "- is a tar archive on standard input or output.",
  usage: "CONTAINER:SRC_PATH DEST_PATH|-\nSRC_PATH|- CONTAINER:DEST_PATH",
  args: { min: 2, max: 2 },
  flags: {
    archive: flag.bool("Keep owner and group", { short: "a" }),
    "follow-link": flag.bool("Copy what a link at the source points to", { short: "L" }),
    quiet: flag.bool("Show no progress", { short: "q" }),
  },
  complete: "copyPaths",
  async run(cli, { flags, changed, args: [from = "", to = ""] }) {
    const source = parseCopyArgument(from);
    const target = parseCopyArgument(to);
    if (source.path === "" && !source.container) throw new Error("source can not be empty");
    if (target.path === "" && !target.container) throw new Error("destination can not be empty");
    if (source.container && target.container) throw new Error("copying between containers is not supported");
    if (!source.container && !target.container) throw new Error("must specify at least one container source");
    // Without a terminal nobody waits for the words.
    const quiet = changed.has("quiet") ? flags.quiet : !isTerminal(1);
    const options = { archive: flags.archive, follow: flags["follow-link"], quiet };
    if (source.container) await copyFrom(cli, source.container, source.path, target.path, options);
    else await copyTo(cli, source.path, target.container, target.path, options);
    return 0;
  },
});
