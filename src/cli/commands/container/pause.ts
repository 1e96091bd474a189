import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { defineCommand } from "../../command.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Freeze all processes of containers",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: {},
  complete: "running",
  async run(cli, { args }) {
    const client = await cli.client();
    return forEachName(cli, args, async (name) => {
      await client.json(to(paths.containerPause, { id: name }));
      cli.out(`${name}\n`);
    });
  },
});
