import { paths } from "../../api/paths.ts";
import type { AuthResponse } from "../../api/system.ts";
import { to } from "../../client/route-call.ts";
import { flag } from "../../lib/flags.ts";
import { isTerminal } from "../../lib/terminal.ts";
import { defineCommand, ExitError } from "../command.ts";
import { writeConfigFile } from "../config-file.ts";
import { registryAddress, runHelper, storedCredentials } from "../image/auth.ts";
import { askLine } from "../prompt.ts";

export const command = defineCommand({
  summary: "Store credentials for a registry",
  usage: "[SERVER]",
  args: { min: 0, max: 1 },
  flags: {
    password: flag.string("Password or token (visible to others: prefer --password-stdin)", { short: "p" }),
    "password-stdin": flag.bool("Read the password from standard input"),
    username: flag.string("User name", { short: "u" }),
  },
  async run(cli, { flags, changed, args: [server = ""] }) {
    const registry = registryAddress(server);
    if (changed.has("password") && flags["password-stdin"])
      throw new ExitError(1, "conflicting options: cannot specify both --password and --password-stdin");
    if (flags["password-stdin"] && !flags.username)
      throw new ExitError(1, "the --password-stdin option requires --username to be set");
    if (changed.has("username") && !flags.username) throw new ExitError(1, "username is empty");
    if (changed.has("password") && !flags.password) throw new ExitError(1, "password is empty");
    let { username, password } = flags;
    if (password) cli.err("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    if (flags["password-stdin"]) password = (await new Response(Bun.stdin.stream()).text()).replace(/\r?\n$/, "");
    let identitytoken = "";
    if (!username && !password) {
      const stored = await storedCredentials(cli, registry);
      username = stored?.username ?? "";
      password = stored?.password ?? "";
      identitytoken = stored?.identitytoken ?? "";
    }
    if (!identitytoken && (!username || !password)) {
      if (!isTerminal(0)) throw new ExitError(1, "Error: Cannot perform an interactive login from a non TTY device");
      if (!username) username = await askLine(cli, "Username: ", true);
      if (!password) password = await askLine(cli, "Password: ", false);
      if (!password) throw new ExitError(1, "Error: Password Required");
    }
    const client = await cli.client();
    const reply = await client.json<AuthResponse>(to(paths.auth), {
      json: { username, password, identitytoken, serveraddress: registry },
    });
    const token = reply.IdentityToken || identitytoken;
    const config = await cli.config();
    const helper = config.credHelpers?.[registry] ?? config.credsStore;
    if (helper) {
      const secret = token ? { Username: "<token>", Secret: token } : { Username: username, Secret: password };
      await runHelper(helper, "store", JSON.stringify({ ServerURL: registry, ...secret }));
    } else {
      const auth = Buffer.from(`${username}:${token ? "" : password}`).toString("base64");
      config.auths = { ...config.auths, [registry]: { auth, ...(token && { identitytoken: token }) } };
      await writeConfigFile(cli.configDir, config);
      cli.err(`\nWARNING! Your credentials are stored unencrypted in '${cli.configDir}/config.json'.\n\n`);
    }
    cli.out(`${reply.Status}\n`);
    return 0;
  },
});
