import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { writeConfigFile } from "../../config-file.ts";
import { contextExists, removeContext } from "../../context-store.ts";
import { contextName } from "../../daemon-address.ts";

export const command = defineCommand({
  summary: "Remove contexts",
  usage: "CONTEXT [CONTEXT...]",
  args: { min: 1 },
  flags: { force: flag.bool("Even the one in force", { short: "f" }) },
  complete: "contexts",
  async run(cli, { flags: { force }, args }) {
    const config = await cli.config();
    const current = contextName(cli.globals, config);
    const failures: string[] = [];
    for (const name of args) {
      const quoted = JSON.stringify(name);
      if (name === "default") failures.push('context "default" cannot be removed');
      else if (name === current && !force) failures.push(`context ${quoted} is in use, set -f flag to force remove`);
      else if (!force && !(await contextExists(cli.configDir, name))) failures.push(`context ${quoted} does not exist`);
      else {
        if (name === current) {
          delete config.currentContext;
          await writeConfigFile(cli.configDir, config);
        }
        await removeContext(cli.configDir, name);
        cli.out(`${name}\n`);
      }
    }
    for (const failure of failures) cli.err(`${failure}\n`);
    return failures.length > 0 ? 1 : 0;
  },
});
