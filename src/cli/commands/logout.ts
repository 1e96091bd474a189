import { defineCommand } from "../command.ts";
import { writeConfigFile } from "../config-file.ts";
import { registryAddress, runHelper, withoutScheme } from "../image/auth.ts";

export const command = defineCommand({
  summary: "Forget the credentials of a registry",
  usage: "[SERVER]",
  args: { min: 0, max: 1 },
  flags: {},
  async run(cli, { args: [server = ""] }) {
    const registry = registryAddress(server);
    const config = await cli.config();
    cli.out(`Removing login credentials for ${registry}\n`);
    const helper = config.credHelpers?.[registry] ?? config.credsStore;
    if (helper) await runHelper(helper, "erase", registry);
    const auths = { ...config.auths };
    for (const key of Object.keys(auths)) {
      if (withoutScheme(key) === withoutScheme(registry)) delete auths[key];
    }
    config.auths = auths;
    await writeConfigFile(cli.configDir, config);
    return 0;
  },
});
