/** `~/.docker/config.json`, shared with Docker's own client; keys we do not know are kept when it is written. */
import { parseJson } from "../lib/json.ts";

/** One entry of `auths`. */
export interface StoredAuth {
  auth?: string;
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
  email?: string;
}

/** Proxies that containers and builds receive, by daemon address or `default`. */
export interface ProxyConfig {
  httpProxy?: string;
  httpsProxy?: string;
  noProxy?: string;
  ftpProxy?: string;
  allProxy?: string;
}

/** The keys we read. */
export interface ConfigFile {
  auths?: Record<string, StoredAuth>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
  HttpHeaders?: Record<string, string>;
  detachKeys?: string;
  currentContext?: string;
  proxies?: Record<string, ProxyConfig>;
  aliases?: Record<string, string>;
  pruneFilters?: string[];
  cliPluginsExtraDirs?: string[];
  psFormat?: string;
  imagesFormat?: string;
  statsFormat?: string;
  networksFormat?: string;
  volumesFormat?: string;
  [other: string]: unknown;
}

/** The directory of `config.json`: the argument, DOCKER_CONFIG, or `~/.docker`. */
export function configDirectory(given: string): string {
  return given || process.env.DOCKER_CONFIG || `${process.env.HOME || "/root"}/.docker`;
}

/** Reads the file; an absent one is empty, a broken one warns through `warn` and counts as empty. */
export async function readConfigFile(directory: string, warn: (message: string) => void): Promise<ConfigFile> {
  const path = `${directory}/config.json`;
  let text: string;
  try {
    text = await readText(path);
  } catch {
    return {};
  }
  const warnOf = (why: string): void => warn(`WARNING: Error parsing config file (${path}): ${why}\n`);
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    warnOf((error instanceof Error ? error.message : String(error)).replace(/^invalid JSON: /, ""));
    return {};
  }
  if (value === null) return {};
  if (kindOf(value) !== "object") {
    warnOf(`json: cannot unmarshal ${kindOf(value)} into Go value of type configfile.ConfigFile`);
    return {};
  }
  return wellTyped(value as ConfigFile, warnOf);
}

type Kind = "string" | "object" | "array";

/** What the keys we read must hold; a map's or a list's members too. */
const kinds: Readonly<Record<string, readonly [kind: Kind, members?: Kind, type?: string]>> = {
  auths: ["object", "object", "map[string]types.AuthConfig"],
  credsStore: ["string"],
  credHelpers: ["object", "string", "map[string]string"],
  HttpHeaders: ["object", "string", "map[string]string"],
  detachKeys: ["string"],
  currentContext: ["string"],
  proxies: ["object", "object", "map[string]configfile.ProxyConfig"],
  aliases: ["object", "string", "map[string]string"],
  pruneFilters: ["array", "string", "[]string"],
  cliPluginsExtraDirs: ["array", "string", "[]string"],
  psFormat: ["string"],
  imagesFormat: ["string"],
  statsFormat: ["string"],
  networksFormat: ["string"],
  volumesFormat: ["string"],
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

/** The file without what is of another kind than its key wants; the first of those is told of. */
function wellTyped(config: ConfigFile, warn: (why: string) => void): ConfigFile {
  const sound: ConfigFile = { ...config };
  let told = false;
  for (const [key, value] of Object.entries(config)) {
    const wanted = Object.hasOwn(kinds, key) ? kinds[key] : undefined;
    if (!wanted) continue;
    const [kind, members, type = "string"] = wanted;
    if (value === null) {
      delete sound[key];
      continue;
    }
    const wrong =
      kindOf(value) !== kind
        ? value
        : Object.values(members ? (value as object) : {}).find((each) => kindOf(each) !== members);
    if (wrong === undefined) continue;
    delete sound[key];
    const what = wrong === value ? type : type.replace(/^.*\]/, "") || "string";
    if (!told) warn(`json: cannot unmarshal ${kindOf(wrong)} into Go struct field ConfigFile.${key} of type ${what}`);
    told = true;
  }
  return sound;
}

/**
 * The text of a file, read in this turn where it can be mapped: Bun's own way starts a pool of threads, which costs every command
 * four milliseconds.
 */
async function readText(path: string): Promise<string> {
  let mapped: Uint8Array;
  try {
    mapped = Bun.mmap(path, { shared: false });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") throw error;
    return Bun.file(path).text();
  }
  return new TextDecoder().decode(mapped);
}

/** Writes the file whole, with mode 0600, by rename. */
export async function writeConfigFile(directory: string, config: ConfigFile): Promise<void> {
  const { mkdir, rename, writeFile, realpath } = await import("node:fs/promises");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = await realpath(`${directory}/config.json`).catch(() => `${directory}/config.json`);
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify({ auths: {}, ...config }, null, "\t")}`, { mode: 0o600 });
  await rename(temporary, path);
}
