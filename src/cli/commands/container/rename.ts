import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Give a container another name",
  usage: "CONTAINER NEW_NAME",
  args: { min: 2, max: 2 },
  flags: {},
  complete: { byPlace: ["containers"] },
  async run(cli, { args: [name = "", next = ""] }) {
    if (name.trim() === "" || next.trim() === "") {
      throw new ExitError(1, "Error: Neither old nor new names may be empty");
    }
    const client = await cli.client();
    return forEachName(cli, [name], async () => {
      await client.json(to(paths.containerRename, { id: name }, { name: next }));
    }).then((code) => {
      if (code !== 0) cli.err(`Error: failed to rename container named ${name}\n`);
      return code;
    });
  },
});
