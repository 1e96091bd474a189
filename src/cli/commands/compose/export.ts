import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { indexFlags, serviceContainer } from "../../compose/delegate.ts";
import { command as exportContainer } from "../container/export.ts";

export const command = defineCommand({
  summary: "Write the file system of a service's container as a tar archive",
  usage: "SERVICE",
  args: { min: 1, max: 1 },
  complete: "services",
  flags: {
    ...indexFlags,
    output: flag.string("File to write instead of standard output", { short: "o", complete: "files" }),
  },
  async run(cli, input) {
    const container = await serviceContainer(cli, input, input.args[0] ?? "");
    return container ? exportContainer.run(cli, { ...input, args: [container.id] }) : 0;
  },
});
