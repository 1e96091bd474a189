import { parseFlags } from "../../lib/flags.ts";
import { Cli } from "../cli.ts";
import { defineCommand } from "../command.ts";
import { complete } from "../completion.ts";
import { type GlobalFlags, globalFlags } from "../globals.ts";

export const command = defineCommand({
  summary: "Answer what could come next, for completion scripts",
  usage: "[WORD...]",
  args: { min: 0 },
  flags: {},
  raw: true,
  hidden: true,
  async run(cli, { args }) {
    const asked = new Cli(cli.name, globalsOf(args.slice(0, -1)) ?? cli.globals);
    // A press of the tabulator must not start a daemon.
    asked.autostart = false;
    for (const word of await complete(asked, args)) cli.out(`${word}\n`);
    return 0;
  },
});

/** The global flags of the line that is being typed: names are asked of the daemon that it speaks of. */
function globalsOf(words: readonly string[]): GlobalFlags | null {
  try {
    return parseFlags(globalFlags, words, false).flags;
  } catch {
    return null;
  }
}
