import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Send a signal to running containers, SIGKILL unless told otherwise",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: {
    signal: flag.string("Signal to send", { short: "s" }),
  },
  complete: "running",
  async run(cli, { flags, args }) {
    const client = await cli.client();
    return forEachName(cli, args, async (name) => {
      await client.json(to(paths.containerKill, { id: name }, { signal: flags.signal || "KILL" }));
      cli.out(`${name}\n`);
    });
  },
});
