import { paths } from "../../api/paths.ts";
import type { AuthResponse } from "../../api/system.ts";
import { ApiError } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import { flag } from "../../lib/flags.ts";
import { isTerminal } from "../../lib/terminal.ts";
import type { Cli } from "../cli.ts";
import { defineCommand, ExitError } from "../command.ts";
import { type Credentials, registryAddress, storeCredentials, storedCredentials } from "../image/auth.ts";
import { warnOfEnvironment } from "../image/environment-auth.ts";
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
    warnOfEnvironment(cli);
    if (flags["password-stdin"]) password = (await new Response(Bun.stdin.stream()).text()).replace(/[\r\n]+$/, "");
    if (!username && !password) {
      const stored = await storedCredentials(cli, registry);
      if (stored?.username && stored.password) {
        const status = await loginAgain(cli, stored);
        if (status !== null) {
          cli.out(`${status}\n`);
          return 0;
        }
      }
    }
    if (!username || !password) {
      if (!isTerminal(0)) throw new ExitError(1, "Error: Cannot perform an interactive login from a non TTY device");
      if (!username) username = await askLine(cli, "Username: ", true);
      if (!password) password = await askLine(cli, "Password: ", false);
      if (!password) throw new ExitError(1, "Error: Password Required");
    }
    cli.out(`${await login(cli, { username, password, serveraddress: registry })}\n`);
    return 0;
  },
});

/** Asks the daemon to try the credentials, and keeps what worked; the registry's word for it. */
async function login(cli: Cli, credentials: Credentials): Promise<string> {
  const client = await cli.client();
  const reply = await client.json<AuthResponse>(to(paths.auth), { json: credentials });
  const { IdentityToken: identitytoken } = reply;
  await storeCredentials(cli, { ...credentials, ...(identitytoken && { identitytoken }) });
  return reply.Status;
}

/** Tries what is stored; null when that does not work any more, which is told. */
async function loginAgain(cli: Cli, stored: Credentials): Promise<string | null> {
  cli.err(`Authenticating with existing credentials... [Username: ${stored.username}]\n`);
  cli.err("\n Info -> To login with a different account, run 'docker logout' followed by 'docker login'\n\n\n");
  try {
    return await login(cli, stored);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const why = `Login did not succeed, error: Error response from daemon: ${error.message}`;
    cli.err(`${error.status === 401 ? "Stored credentials invalid or expired" : why}\n`);
    return null;
  }
}
