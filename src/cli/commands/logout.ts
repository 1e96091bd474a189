import { defineCommand } from "../command.ts";
import { eraseCredentials, registryAddress } from "../image/auth.ts";
import { warnOfEnvironment } from "../image/environment-auth.ts";

export const command = defineCommand({
  summary: "Forget the credentials of a registry",
  usage: "[SERVER]",
  args: { min: 0, max: 1 },
  flags: {},
  async run(cli, { args: [server = ""] }) {
    const registry = registryAddress(server);
    warnOfEnvironment(cli);
    cli.out(`Removing login credentials for ${registry}\n`);
    const failures = await eraseCredentials(cli, registry);
    if (failures.length > 0) cli.err(`WARNING: could not erase credentials:\n${failures.join("\n")}\n`);
    return 0;
  },
});
