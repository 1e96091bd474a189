import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  summary: "Give a volume that nobody uses another name",
  usage: "VOLUME NEW_NAME",
  args: { min: 2, max: 2 },
  flags: {},
  complete: "volumes",
  async run(cli, { args: [name = "", target = ""] }) {
    const client = await cli.client();
    await client.json(to(paths.volumeRename, { name }, { name: target }));
    cli.out(`${target}\n`);
    return 0;
  },
});
