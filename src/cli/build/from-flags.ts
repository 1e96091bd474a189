/** The flags of `build` as settings. */
import { splitPair } from "../../lib/flags.ts";
import { isTerminal } from "../../lib/terminal.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { ulimit } from "../container/devices.ts";
import { proxyVariables } from "../container/proxies.ts";
import { readAttestations } from "./attestations.ts";
import { readCache } from "./caches.ts";
import { csvOf } from "./fields.ts";
import type { BuildFlags } from "./flags.ts";
import { readOutputs } from "./outputs.ts";
import { readSecret } from "./secrets.ts";
import type { BuildSettings } from "./settings.ts";
import { readSsh } from "./ssh-agents.ts";

export async function settingsOf(cli: Cli, context: string, flags: BuildFlags): Promise<BuildSettings> {
  return {
    context,
    dockerfile: flags.file,
    inlineDockerfile: null,
    contexts: Object.fromEntries(flags["build-context"].map(namedContext)),
    buildArgs: await buildArguments(cli, flags["build-arg"]),
    labels: Object.fromEntries(flags.label.map((text) => splitPair(text))),
    tags: flags.tag,
    target: flags.target,
    platforms: platformsOf(flags.platform),
    outputs: readOutputs({ output: flags.output, push: flags.push, load: flags.load, isTerminal: isTerminal(1) }),
    cacheFrom: flags["cache-from"].flatMap((text) => readCache(text, "from")),
    cacheTo: flags["cache-to"].flatMap((text) => readCache(text, "to")),
    secrets: flags.secret.map(readSecret),
    ssh: readSsh(flags.ssh),
    attestations: readAttestations(flags),
    annotations: flags.annotation,
    noCache: flags["no-cache"],
    noCacheFilter: flags["no-cache-filter"].flatMap((text) => csvOf(text, "invalid no-cache-filter")),
    pull: flags.pull,
    network: flags.network,
    // The name ends at the first colon; addresses may have more.
    addHosts: flags["add-host"].map((text) => text.replace(":", "=")),
    cgroupParent: flags["cgroup-parent"],
    shmSize: flags["shm-size"],
    ulimits: flags.ulimit.map(ulimitText),
    entitlements: flags.allow.flatMap((text) => csvOf(text, "invalid entitlement")),
  };
}

/** Platforms in the order of the flags; DOCKER_DEFAULT_PLATFORM where there are none. */
export function platformsOf(texts: readonly string[]): string[] {
  const all = texts.flatMap((text) => text.split(",")).map((text) => text.trim());
  const given = all.filter((text) => text !== "");
  if (given.length > 0) return [...new Set(given)];
  return process.env.DOCKER_DEFAULT_PLATFORM ? [process.env.DOCKER_DEFAULT_PLATFORM] : [];
}

function namedContext(text: string): [string, string] {
  const [name, where] = splitPair(text);
  if (!text.includes("=") || name === "" || where === "")
    throw new ExitError(1, `invalid context value: ${text}, expected key=value`);
  return [name, where];
}

export function ulimitText(text: string): string {
  const { Name, Soft, Hard } = ulimit(text);
  return `${Name}=${Soft}:${Hard}`;
}

/** An argument without a value has the one of this process's environment, or none; those of proxies come along. */
export async function buildArguments(cli: Cli, texts: readonly string[]): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const text of texts) {
    const [name, value] = splitPair(text);
    const given = text.includes("=") ? value : process.env[name];
    if (given !== undefined) values[name] = given;
  }
  const { address } = await cli.daemon();
  for (const text of proxyVariables(await cli.config(), address, [...texts])) {
    const [name, value] = splitPair(text);
    values[name] ??= value;
  }
  return values;
}
