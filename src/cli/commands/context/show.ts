import { defineCommand } from "../../command.ts";
import { contextName } from "../../daemon-address.ts";

export const command = defineCommand({
  summary: "Print the name of the context in force",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {},
  async run(cli) {
    cli.out(`${contextName(cli.globals, await cli.config())}\n`);
    return 0;
  },
});
