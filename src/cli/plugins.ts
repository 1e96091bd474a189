/**
 * CLI plugins: executables named `docker-NAME` in the directories Docker's client looks at, which answer
 * `docker-cli-plugin-metadata` with JSON and are run with their own name as first argument.
 */
import { readdir } from "node:fs/promises";
import type { Cli } from "./cli.ts";

export interface Plugin {
  readonly name: string;
  readonly path: string;
  readonly summary: string;
  readonly vendor: string;
  readonly version: string;
}

const systemDirectories = [
  "/usr/local/lib/docker/cli-plugins",
  "/usr/local/libexec/docker/cli-plugins",
  "/usr/lib/docker/cli-plugins",
  "/usr/libexec/docker/cli-plugins",
];

async function directories(cli: Cli): Promise<string[]> {
  const config = await cli.config();
  return [...(config.cliPluginsExtraDirs ?? []), `${cli.configDir}/cli-plugins`, ...systemDirectories];
}

/** The plugins found, first directory wins, sorted by name; what does not answer properly is left out. */
export async function listPlugins(cli: Cli): Promise<Plugin[]> {
  const found = new Map<string, string>();
  for (const directory of await directories(cli)) {
    for (const file of await readdir(directory).catch(() => [] as string[])) {
      const name = /^docker-([a-z][a-z0-9]*)$/.exec(file)?.[1];
      if (name && !found.has(name)) found.set(name, `${directory}/${file}`);
    }
  }
  const plugins = await Promise.all([...found].map(([name, path]) => describe(name, path)));
  return plugins.filter((plugin) => plugin !== null).sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function describe(name: string, path: string): Promise<Plugin | null> {
  try {
    const child = Bun.spawn([path, "docker-cli-plugin-metadata"], {
      stdout: "pipe",
      stderr: "ignore",
      stdin: "ignore",
    });
    const metadata = (await new Response(child.stdout).json()) as Record<string, unknown>;
    if ((await child.exited) !== 0 || typeof metadata.SchemaVersion !== "string") return null;
    const text = (key: string): string => (typeof metadata[key] === "string" ? metadata[key] : "");
    return { name, path, summary: text("ShortDescription"), vendor: text("Vendor"), version: text("Version") };
  } catch {
    return null;
  }
}

/** Where the plugin of that name lies; null when there is none. */
export async function pluginPath(cli: Cli, name: string): Promise<string | null> {
  if (!/^[a-z][a-z0-9]*$/.test(name)) return null;
  for (const directory of await directories(cli)) {
    const path = `${directory}/docker-${name}`;
    if (await Bun.file(path).exists()) return path;
  }
  return null;
}

/** Runs the plugin that `words[0]` names with the whole command line; null when there is none. */
export async function runPlugin(cli: Cli, words: readonly string[], argv: readonly string[]): Promise<number | null> {
  const path = await pluginPath(cli, words[0] ?? "");
  if (path === null) return null;
  const environment = { ...process.env, DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: process.execPath };
  const child = Bun.spawn([path, ...argv], {
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
    env: environment,
  });
  // A terminal sends ^C to the whole group; the plugin decides what it means.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
    process.on(signal, () => signal === "SIGINT" || child.kill(signal));
  }
  const code = await child.exited;
  return child.signalCode ? 1 : code;
}

/** `aliases` of config.json: the command line with its first word replaced; null when it is no alias. */
export async function expandAlias(cli: Cli, words: readonly string[]): Promise<string[] | null> {
  const { aliases } = await cli.config();
  const [first = "", ...rest] = words;
  const meaning = aliases && Object.hasOwn(aliases, first) ? aliases[first] : undefined;
  if (typeof meaning !== "string" || first === "builder") return null;
  const expanded = meaning.split(/\s+/).filter(Boolean);
  return expanded[0] === first ? null : [...expanded, ...rest];
}
