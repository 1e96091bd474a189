import { defineCommand } from "../command.ts";
import { complete } from "../completion.ts";

export const command = defineCommand({
  summary: "Answer what could come next, for completion scripts",
  usage: "[WORD...]",
  args: { min: 0 },
  flags: {},
  raw: true,
  hidden: true,
  async run(cli, { args }) {
    // A press of the tabulator must not start a daemon.
    cli.autostart = false;
    for (const word of await complete(cli, args)) cli.out(`${word}\n`);
    return 0;
  },
});
