import { paths } from "../../../api/paths.ts";
import type { Volume } from "../../../api/volumes.ts";
import { to } from "../../../client/route-call.ts";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  summary: "Make a volume with the data of another",
  usage: "VOLUME NEW_NAME",
  args: { min: 2, max: 2 },
  flags: {},
  complete: "volumes",
  async run(cli, { args: [name = "", target = ""] }) {
    const client = await cli.client();
    const made = await client.json<Volume>(to(paths.volumeClone, { name }, { name: target, snapshot: false }));
    cli.out(`${made.Name}\n`);
    return 0;
  },
});
