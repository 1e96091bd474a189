import { defineCommand } from "../../command.ts";
import { writeConfigFile } from "../../config-file.ts";
import { checkContextName, readContext } from "../../context-store.ts";
import { hostWarning } from "../../daemon-address.ts";

export const command = defineCommand({
  summary: "Choose the context for commands to come",
  usage: "CONTEXT",
  args: { min: 1, max: 1 },
  flags: {},
  complete: "contexts",
  async run(cli, { args: [name = ""] }) {
    const config = await cli.config();
    const before = config.currentContext;
    if (name === "default") delete config.currentContext;
    else {
      checkContextName(name);
      await readContext(cli.configDir, name);
      config.currentContext = name;
    }
    if (config.currentContext !== before) await writeConfigFile(cli.configDir, config);
    cli.out(`${name}\n`);
    cli.err(`Current context is now ${JSON.stringify(name)}\n`);
    if (process.env.DOCKER_HOST && name !== "default") cli.err(`${hostWarning(JSON.stringify(name))}\n`);
    return 0;
  },
});
