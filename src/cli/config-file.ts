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
  try {
    const value = parseJson(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as ConfigFile;
    throw new Error("not an object");
  } catch (error) {
    warn(`WARNING: Error loading config file: ${path}: ${error instanceof Error ? error.message : error}\n`);
    return {};
  }
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
