import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Stop containers and start them again",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: {
    signal: flag.string("Signal to send first", { short: "s" }),
    time: flag.int("Seconds to wait before killing it", { hidden: true }),
    timeout: flag.int("Seconds to wait before killing it", { short: "t" }),
  },
  complete: "containers",
  async run(cli, { flags, changed, args }) {
    const client = await cli.client();
    return forEachName(cli, args, async (name) => {
      await client.json(
        to(
          paths.containerRestart,
          { id: name },
          {
            signal: flags.signal,
            t: changed.has("timeout") ? flags.timeout : changed.has("time") ? flags.time : undefined,
          },
        ),
      );
      cli.out(`${name}\n`);
    });
  },
});
