import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/client.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Remove networks",
  usage: "NETWORK [NETWORK...]",
  args: { min: 1 },
  flags: {
    force: flag.bool("Say nothing of networks that do not exist", { short: "f" }),
  },
  complete: "networks",
  async run(cli, { args }) {
    const client = await cli.client();
    return forEachName(cli, args, async (name) => {
      await client.json(to(paths.networkRemove, { id: name }));
      cli.out(`${name}\n`);
    });
  },
});
