/** Registry credentials: config.json, credential helpers, and the headers that carry them. */
import type { Cli } from "../cli.ts";

/** Docker's own registry is filed under its old address. */
export const hubAddress = "https://index.docker.io/v1/";

/** What is filed for the server that a user names: Docker's own when none is, else its address without scheme. */
export function registryAddress(server: string): string {
  return server === "" || server === "docker.io" ? hubAddress : withoutScheme(server);
}

/** An address as it is compared with others. */
export function withoutScheme(address: string): string {
  return address.replace(/^https?:\/\//, "").replace(/\/$/, "");
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

/** What is stored for a registry; null when nothing is. */
export async function storedCredentials(cli: Cli, registry: string): Promise<Credentials | null> {
  const config = await cli.config();
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  if (helper) return askHelper(helper, registry);
  const plain = (address: string): string => withoutScheme(address).replace(/\/.*$/, "");
  const key = Object.keys(config.auths ?? {}).find((each) => each === registry || plain(each) === plain(registry));
  const entry = key === undefined ? undefined : config.auths?.[key];
  if (!entry) return null;
  if (entry.identitytoken) return { identitytoken: entry.identitytoken, serveraddress: registry };
  const [username, password] = decodeAuth(entry.auth ?? "");
  return username ? { username, password, serveraddress: registry } : null;
}

function decodeAuth(text: string): [string, string] {
  const plain = Buffer.from(text, "base64").toString();
  const at = plain.indexOf(":");
  return at < 0 ? ["", ""] : [plain.slice(0, at), plain.slice(at + 1).replace(/\0+$/, "")];
}

async function askHelper(helper: string, registry: string): Promise<Credentials | null> {
  const answer = await runHelper(helper, "get", registry);
  if (answer === null) return null;
  const { Username, Secret } = JSON.parse(answer) as { Username: string; Secret: string };
  if (Username === "<token>") return { identitytoken: Secret, serveraddress: registry };
  return { username: Username, password: Secret, serveraddress: registry };
}

/** Runs `docker-credential-HELPER ACTION` with `input`; null when it says that it has nothing. */
export async function runHelper(
  helper: string,
  action: "get" | "store" | "erase",
  input: string,
): Promise<string | null> {
  const child = Bun.spawn([`docker-credential-${helper}`, action], {
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) === 0) return text;
  if (text.includes("credentials not found")) return null;
  throw new Error(`error getting credentials - err: exit status ${child.exitCode}, out: \`${text.trim()}\``);
}

/** The `X-Registry-Auth` header for an image; anonymous when nothing is stored. */
export async function registryAuthHeader(cli: Cli, image: string): Promise<Record<string, string>> {
  const found = await storedCredentials(cli, registryOf(image));
  const json = JSON.stringify(found ?? {});
  return { "X-Registry-Auth": Buffer.from(json).toString("base64").replace(/\+/g, "-").replace(/\//g, "_") };
}
