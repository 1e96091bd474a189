/**
 * Where plugins are found: a socket, or a file that tells an address
 * (https://docs.docker.com/engine/extend/plugin_api/, "Plugin discovery").
 */
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, systemError } from "../lib/errors.ts";
import { strerror } from "../linux/strerror.ts";
import { isErrno } from "../linux/syscall-error.ts";

/** Searched in this order: sockets in all of them before the files that name an address. */
export const defaultPluginDirs = ["/run/docker/plugins", "/etc/docker/plugins", "/usr/lib/docker/plugins"];

/** How a plugin is reached. */
export type PluginAddress =
  | { readonly unix: string }
  | {
      readonly url: string;
      readonly tls: { ca?: string; cert?: string; key?: string; rejectUnauthorized: boolean } | null;
    };

/** More than any description of an address needs. */
const longestSpec = 64 * 1024;

/** The plugin of that name; null when no directory has one. Throws for a description that says nothing usable. */
export async function locatePlugin(name: string, dirs: readonly string[]): Promise<PluginAddress | null> {
  // A name is a file's: what could lead elsewhere names none.
  if (!/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(name)) return null;
  for (const dir of dirs) {
    for (const path of [join(dir, `${name}.sock`), join(dir, name, `${name}.sock`)]) {
      if (await isSocket(path)) return { unix: path };
    }
  }
  for (const dir of dirs) {
    for (const stem of [join(dir, name), join(dir, name, name)]) {
      const spec = await readSpec(`${stem}.spec`);
      if (spec !== null) return parseAddress(name, spec.trim(), null);
      const json = await readSpec(`${stem}.json`);
      if (json !== null) return parseJson(name, json);
    }
  }
  return null;
}

/** The names of all plugins that there are descriptions or sockets of, sorted. */
export async function scanPlugins(dirs: readonly string[]): Promise<string[]> {
  const names = new Set<string>();
  for (const dir of dirs) {
    for (const entry of await entriesOf(dir)) {
      if (entry.isDirectory()) {
        const inner = await entriesOf(join(dir, entry.name));
        if (inner.some((file) => stemOf(file.name) === entry.name)) names.add(entry.name);
        continue;
      }
      const stem = stemOf(entry.name);
      if (stem !== null && (!entry.name.endsWith(".sock") || entry.isSocket())) names.add(stem);
    }
  }
  return [...names].sort();
}

const stemOf = (file: string): string | null => /^(.+)\.(sock|spec|json)$/.exec(file)?.[1] ?? null;

async function entriesOf(dir: string) {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES")) return [];
    throw error;
  }
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSocket();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES")) return false;
    throw error;
  }
}

async function readSpec(path: string): Promise<string | null> {
  try {
    const stat = await lstat(path);
    if (stat.size > longestSpec) throw systemError(`plugin description ${path} is too large`);
    return stat.isDirectory() ? null : await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES")) return null;
    throw error;
  }
}

interface JsonSpec {
  readonly Addr?: unknown;
  readonly TLSConfig?: {
    readonly InsecureSkipVerify?: boolean;
    readonly CAFile?: string;
    readonly CertFile?: string;
    readonly KeyFile?: string;
  } | null;
}

async function parseJson(name: string, text: string): Promise<PluginAddress> {
  let spec: JsonSpec | null;
  try {
    spec = JSON.parse(text) as JsonSpec | null;
  } catch (error) {
    throw systemError(`plugin "${name}": its description is not JSON`, { cause: error });
  }
  const { TLSConfig } = spec ?? {};
  const contents = async (path: string | undefined): Promise<string | undefined> => {
    if (!path) return undefined;
    try {
      return await readFile(path, "utf8");
    } catch (error) {
      const { errno } = error as NodeJS.ErrnoException;
      const reason = errno === undefined ? messageOf(error) : strerror(Math.abs(errno));
      throw systemError(`plugin "${name}": cannot read ${path}: ${reason}`, { cause: error });
    }
  };
  const tls = TLSConfig
    ? {
        ca: await contents(TLSConfig.CAFile),
        cert: await contents(TLSConfig.CertFile),
        key: await contents(TLSConfig.KeyFile),
        rejectUnauthorized: TLSConfig.InsecureSkipVerify !== true,
      }
    : null;
  return parseAddress(name, String(spec?.Addr ?? ""), tls);
}

function parseAddress(name: string, text: string, tls: Exclude<PluginAddress, { unix: string }>["tls"]): PluginAddress {
  const match = /^(unix|tcp|http|https):\/\/(.+)$/.exec(text);
  if (!match) throw systemError(`plugin "${name}": unknown protocol: ${JSON.stringify(text.slice(0, 100))}`);
  const [, scheme, rest = ""] = match;
  if (scheme === "unix") return { unix: rest };
  return { url: `${tls || scheme === "https" ? "https" : "http"}://${rest.replace(/\/+$/, "")}`, tls };
}
