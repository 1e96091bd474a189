/** Registry credentials: config.json, credential helpers, and the headers that carry them. */
import { messageOf } from "../../lib/errors.ts";
import type { Cli } from "../cli.ts";
import { type ConfigFile, type StoredAuth, writeConfigFile } from "../config-file.ts";
import { eraseSecret, getSecret, storeSecret } from "./credential-helper.ts";
import { environmentAuths } from "./environment-auth.ts";

/** Docker's own registry is filed under its old address. */
export const hubAddress = "https://index.docker.io/v1/";

/** What is filed for the server that a user names: Docker's own when none is, else its host. */
export function registryAddress(server: string): string {
  return server === "" || server === "docker.io" ? hubAddress : hostOf(server);
}

/** The host of an address, with its port. */
export function hostOf(address: string): string {
  return address.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

export interface Credentials {
  username?: string;
  password?: string;
  identitytoken?: string;
  serveraddress: string;
}

/** The registry's host in an image's name; Docker's own when the name has none. */
export function registryOf(image: string): string {
  const [first = "", rest] = image.split("/", 2);
  if (rest === undefined || (!/[.:]/.test(first) && first !== "localhost")) return hubAddress;
  return first === "docker.io" || first === "index.docker.io" ? hubAddress : first;
}

const helperOf = (config: ConfigFile, registry: string): string | undefined =>
  config.credHelpers?.[registry] || config.credsStore || undefined;

/** What is stored for a registry; null when nothing is. A helper that fails is told of, and counts as one that has nothing. */
export async function storedCredentials(cli: Cli, registry: string): Promise<Credentials | null> {
  const config = await cli.config();
  const given = plainCredentials(environmentAuths(cli) ?? {}, registry);
  if (given) return given;
  const helper = helperOf(config, registry);
  if (helper) {
    const secret = await getSecret(helper, registry).catch((error: unknown) => {
      cli.err(`WARNING: ${messageOf(error)}\n`);
      return null;
    });
    if (!secret) return null;
    const { Username, Secret } = secret;
    if (Username === "<token>") return { identitytoken: Secret, serveraddress: registry };
    return { username: Username, password: Secret, serveraddress: registry };
  }
  return plainCredentials(config.auths ?? {}, registry);
}

/** What `auths` says of a registry, under whichever way of writing it. */
function plainCredentials(auths: Readonly<Record<string, StoredAuth>>, registry: string): Credentials | null {
  const same = (each: string): boolean => each === registry || hostOf(each) === hostOf(registry);
  const entry = auths[registry] ?? auths[Object.keys(auths).find(same) ?? ""];
  if (!entry) return null;
  if (entry.identitytoken) return { identitytoken: entry.identitytoken, serveraddress: registry };
  const [username, password] = entry.auth ? decodeAuth(entry.auth) : [entry.username ?? "", entry.password ?? ""];
  return username ? { username, password, serveraddress: registry } : null;
}

function decodeAuth(text: string): [string, string] {
  const plain = Buffer.from(text, "base64").toString();
  const at = plain.indexOf(":");
  return at < 0 ? ["", ""] : [plain.slice(0, at), plain.slice(at + 1).replace(/\0+$/, "")];
}

/** Keeps credentials with the registry's helper, else in config.json, which is told of as it is no safe place. */
export async function storeCredentials(cli: Cli, credentials: Credentials): Promise<void> {
  const { serveraddress: registry, username = "", password = "", identitytoken: token } = credentials;
  const config = await cli.config();
  const helper = helperOf(config, registry);
  const before = config.auths?.[registry];
  try {
    if (helper) {
      await storeSecret(
        helper,
        registry,
        token ? { Username: "<token>", Secret: token } : { Username: username, Secret: password },
      );
      // The file says where, not what.
      await writeAuth(cli, config, registry, {});
      return;
    }
    const auth = encoded({ username, password: token ? "" : password });
    if (before && encoded(before) === auth && (before.identitytoken ?? "") === (token ?? "")) return;
    await writeAuth(cli, config, registry, { auth, ...(token && { identitytoken: token }) });
  } catch (error) {
    throw new Error(`Error saving credentials: ${messageOf(error)}`, { cause: error });
  }
  cli.err(
    `\nWARNING! Your credentials are stored unencrypted in '${cli.configDir}/config.json'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n`,
  );
}

const encoded = ({ auth, username = "", password = "" }: StoredAuth): string =>
  auth ?? Buffer.from(`${username}:${password}`).toString("base64");

async function writeAuth(cli: Cli, config: ConfigFile, registry: string, auth: StoredAuth): Promise<void> {
  config.auths = { ...config.auths, [registry]: auth };
  await writeConfigFile(cli.configDir, config);
}

/** Forgets a registry under each of the addresses that it may be filed under; the failures, none where one was forgotten. */
export async function eraseCredentials(cli: Cli, registry: string): Promise<string[]> {
  const config = await cli.config();
  const addresses = registry === hubAddress ? [registry] : [registry, `http://${registry}`, `https://${registry}`];
  const failures: string[] = [];
  const auths = { ...config.auths };
  for (const address of addresses) {
    const helper = helperOf(config, address);
    try {
      if (helper) await eraseSecret(helper, address);
    } catch (error) {
      failures.push(`${address}: ${messageOf(error)}`);
      continue;
    }
    for (const key of Object.keys(auths)) {
      if (key === address || (!helper && hostOf(key) === hostOf(registry))) delete auths[key];
    }
  }
  if (Object.keys(auths).length !== Object.keys(config.auths ?? {}).length) {
    config.auths = auths;
    await writeConfigFile(cli.configDir, config);
  }
  return failures.length === addresses.length ? failures : [];
}

/** The `X-Registry-Auth` header for an image; anonymous when nothing is stored. */
export async function registryAuthHeader(cli: Cli, image: string): Promise<Record<string, string>> {
  const found = await storedCredentials(cli, registryOf(image));
  return { "X-Registry-Auth": encodedHeader(found ?? {}) };
}

/** What is stored for every registry, by its address. */
export async function allCredentials(cli: Cli): Promise<Record<string, Credentials>> {
  const { auths = {}, credHelpers = {} } = await cli.config();
  const registries = new Set([
    ...Object.keys(environmentAuths(cli) ?? {}),
    ...Object.keys(auths),
    ...Object.keys(credHelpers),
  ]);
  const found: Record<string, Credentials> = {};
  for (const registry of registries) {
    const credentials = await storedCredentials(cli, registry);
    if (credentials) found[registry] = credentials;
  }
  return found;
}

/** The `X-Registry-Config` header, for what may have to ask any registry. */
export async function registryConfigHeader(cli: Cli): Promise<Record<string, string>> {
  const found = await allCredentials(cli);
  return Object.keys(found).length === 0 ? {} : { "X-Registry-Config": encodedHeader(found) };
}

const encodedHeader = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString("base64").replace(/\+/g, "-").replace(/\//g, "_");
