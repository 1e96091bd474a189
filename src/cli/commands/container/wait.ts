import { defineCommand } from "../../command.ts";
import { beginWait } from "../../container/run.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Wait until containers have ended and print their exit codes",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: {},
  complete: "running",
  async run(cli, { args }) {
    const client = await cli.client();
    return forEachName(cli, args, async (name) => {
      const { code } = await beginWait(client, name, "");
      cli.out(`${await code}\n`);
    });
  },
});
