import { paths } from "../../../api/paths.ts";
import { ApiError } from "../../../client/client.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Remove networks",
  usage: "NETWORK [NETWORK...]",
  args: { min: 1 },
  flags: {
    force: flag.bool("Say nothing of networks that do not exist", { short: "f" }),
  },
  complete: "networks",
  async run(cli, { flags, args }) {
    const client = await cli.client();
    const code = await forEachName(cli, args, async (name) => {
      try {
        await client.json(to(paths.networkRemove, { id: name }));
        cli.out(`${name}\n`);
      } catch (error) {
        if (!flags.force || !(error instanceof ApiError) || error.status !== 404) throw error;
      }
    });
    if (code !== 0) throw new ExitError(code, `exit status ${code}`);
    return 0;
  },
});
