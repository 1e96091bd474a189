import { parseFlags } from "../../lib/flags.ts";
import { Cli } from "../cli.ts";
import { defineCommand } from "../command.ts";
import { complete } from "../completion.ts";
import { type GlobalFlags, globalFlags } from "../globals.ts";

/** How long a shell may stand still for names (ms): a daemon that hangs, or is far, must not hold the line that is typed. */
const patienceMs = 3_000;

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
    const late = Bun.sleep(patienceMs).then(() => null);
    const words = await Promise.race([complete(asked, args), late]);
    if (words === null) {
      cli.err("the daemon gave no answer in time\n");
      process.exit(1);
    }
    for (const word of words) cli.out(`${word}\n`);
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
