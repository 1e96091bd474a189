/** DOCKER_AUTH_CONFIG: credentials of registries as `{"auths":{HOST:{"auth":BASE64}}}`, before config.json and its helpers. */
import { messageOf } from "../../lib/errors.ts";
import type { Cli } from "../cli.ts";
import type { StoredAuth } from "../config-file.ts";

const variable = "DOCKER_AUTH_CONFIG";

/** What the variable holds, by host; null when it is not set, or cannot be used, which is told. */
export function environmentAuths(cli: Cli): Record<string, StoredAuth> | null {
  const text = process.env[variable];
  if (!text) return null;
  try {
    return parse(text);
  } catch (error) {
    cli.err(`Failed to create credential store from ${variable}:  ${messageOf(error)}\n`);
    return null;
  }
}

function parse(text: string): Record<string, StoredAuth> {
  const { auths } = known(JSON.parse(text), "auths");
  const found: Record<string, StoredAuth> = {};
  for (const [host, entry] of Object.entries(auths ?? {})) {
    const { auth } = known(entry, "auth");
    if (typeof auth !== "string" || auth === "")
      throw new Error(`${variable} environment variable is missing key \`auth\` for ${host}`);
    if (!/^[A-Za-z0-9+/]+=*$/.test(auth)) throw new Error(`the key \`auth\` for ${host} is no base64`);
    found[host] = { auth };
  }
  return found;
}

/** An object that has no key but this one: who hopes for another is told. */
function known(value: unknown, key: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("it is not a JSON object");
  const other = Object.keys(value).find((each) => each !== key);
  if (other !== undefined) throw new Error(`json: unknown field ${JSON.stringify(other)}`);
  return value as Record<string, unknown>;
}

/** What `login` and `logout` say of a variable that stands before whatever they do. */
export function warnOfEnvironment(cli: Cli): void {
  if (!process.env[variable]) return;
  const indent = " ".repeat(9);
  cli.err(
    `\n Warn -> ${variable} is set and takes precedence.\n${indent}Unset ${variable} to restore the CLI auth behaviour.\n${indent}\n`,
  );
}
