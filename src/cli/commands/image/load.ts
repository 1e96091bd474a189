import type { ProgressMessage } from "../../../api/images.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { platformQueries } from "../../image/platform.ts";
import { showProgress } from "../../image/progress.ts";
import { openInput } from "../../input-file.ts";

export const command = defineCommand({
  summary: "Read images from a tar archive",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    input: flag.string("File to read instead of standard input", { short: "i", complete: "files" }),
    platform: flag.string("Read this platform only, os[/arch[/variant]]"),
    quiet: flag.bool("Show no progress", { short: "q" }),
  },
  async run(cli, { flags }) {
    const platform = platformQueries(flags.platform, "invalid platform: ");
    if (flags.input === "" && isTerminal(0)) throw new ExitError(1, "requested load from stdin, but stdin is empty");
    const client = await cli.client();
    const messages = client.jsonStream<ProgressMessage>(
      to(paths.imageLoad, {}, { quiet: flags.quiet || !isTerminal(1), platform }),
      { headers: { "Content-Type": "application/x-tar" }, body: await openInput(flags.input || "-") },
    );
    await showProgress(messages, cli.stdout, isTerminal(1));
    return 0;
  },
});
