/** Credentials for the registries that a builder asks about. */
import type { Cli } from "../cli.ts";
import { hubAddress, storedCredentials } from "../image/auth.ts";

const hubHosts = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** Empty where nothing is stored: the builder then goes on as nobody. An identity token stands for a password without a user. */
export async function buildCredentials(cli: Cli, host: string): Promise<{ username: string; secret: string }> {
  const found = await storedCredentials(cli, hubHosts.has(host) ? hubAddress : host);
  if (!found) return { username: "", secret: "" };
  if (found.identitytoken) return { username: "", secret: found.identitytoken };
  return { username: found.username ?? "", secret: found.password ?? "" };
}
