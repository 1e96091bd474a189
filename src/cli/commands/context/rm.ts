import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { writeConfigFile } from "../../config-file.ts";
import { readContext, removeContext } from "../../context-store.ts";
import { contextName } from "../../daemon-address.ts";

export const command = defineCommand({
  summary: "Remove contexts",
  usage: "CONTEXT [CONTEXT...]",
  args: { min: 1 },
  flags: { force: flag.bool("Even the one in force", { short: "f" }) },
  complete: "contexts",
  async run(cli, { flags, args }) {
    const config = await cli.config();
    const current = contextName(cli.globals, config);
    for (const name of args) {
      if (name === "default") throw new ExitError(1, 'context "default" cannot be removed');
      if (!flags.force) await readContext(cli.configDir, name);
      if (name === current) {
        if (!flags.force)
          throw new ExitError(1, `context ${JSON.stringify(name)} is in use, set -f flag to force remove`);
        delete config.currentContext;
        await writeConfigFile(cli.configDir, config);
      }
      await removeContext(cli.configDir, name);
      cli.out(`${name}\n`);
    }
    return 0;
  },
});
