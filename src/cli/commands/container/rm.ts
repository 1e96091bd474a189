import { paths } from "../../../api/paths.ts";
import { ApiError } from "../../../client/client.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Remove containers",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: {
    force: flag.bool("Kill it first if it runs", { short: "f" }),
    link: flag.bool("Remove the link of that name, not a container", { short: "l" }),
    volumes: flag.bool("Remove its anonymous volumes too", { short: "v" }),
  },
  complete: "containers",
  async run(cli, { flags, args }) {
    const client = await cli.client();
    return forEachName(cli, args, async (name) => {
      try {
        await client.json(
          to(paths.containerRemove, { id: name }, { force: flags.force, link: flags.link, v: flags.volumes }),
        );
        cli.out(`${name}\n`);
      } catch (error) {
        // By force, what is not there is told and no failure.
        if (!flags.force || !(error instanceof ApiError) || error.status !== 404) throw error;
        cli.err(`Error response from daemon: ${error.message}\n`);
      }
    });
  },
});
