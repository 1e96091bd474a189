import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Remove volumes",
  usage: "VOLUME [VOLUME...]",
  args: { min: 1 },
  flags: {
    force: flag.bool("Say nothing of volumes that do not exist", { short: "f" }),
  },
  complete: "volumes",
  async run(cli, { flags, args }) {
    const client = await cli.client();
    return forEachName(cli, args, async (name) => {
      await client.json(to(paths.volumeRemove, { name }, { force: flags.force }));
      cli.out(`${name}\n`);
    });
  },
});
