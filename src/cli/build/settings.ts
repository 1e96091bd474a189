/** A build as a user asks for it: from the flags of `build`, or a target of bake. */

import { messageOf } from "../../lib/errors.ts";
import { parsePlatform } from "../../lib/platform.ts";
import { parseReference } from "../../lib/reference.ts";
import { ExitError } from "../command.ts";
import type { Attestations } from "./attestations.ts";
import type { CachePlace } from "./caches.ts";
import type { BuildOutput } from "./outputs.ts";
import type { BuildSecret } from "./secrets.ts";
import type { BuildSsh } from "./ssh-agents.ts";

export interface BuildSettings {
  /** A directory, a URL, or `-`. */
  readonly context: string;
  /** As the user named it; "" is the one at the top of the context, `-` standard input. */
  readonly dockerfile: string;
  readonly inlineDockerfile: string | null;
  /** Where further contexts are, by name. */
  readonly contexts: Readonly<Record<string, string>>;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly target: string;
  readonly platforms: readonly string[];
  readonly outputs: readonly BuildOutput[];
  readonly cacheFrom: readonly CachePlace[];
  readonly cacheTo: readonly CachePlace[];
  readonly secrets: readonly BuildSecret[];
  readonly ssh: readonly BuildSsh[];
  readonly attestations: Attestations;
  readonly annotations: readonly string[];
  readonly noCache: boolean;
  /** Stages that take nothing from the cache. */
  readonly noCacheFilter: readonly string[];
  readonly pull: boolean;
  readonly network: string;
  /** `name=address`. */
  readonly addHosts: readonly string[];
  readonly cgroupParent: string;
  /** Bytes; 0 leaves it to the builder. */
  readonly shmSize: number;
  /** `name=soft:hard`. */
  readonly ulimits: readonly string[];
  readonly entitlements: readonly string[];
}

/** Exits for what no builder could make sense of. */
export function checkSettings(settings: BuildSettings): void {
  for (const tag of settings.tags) {
    try {
      parseReference(tag);
    } catch (error) {
      throw new ExitError(
        1,
        `invalid tag ${JSON.stringify(tag)}: ${messageOf(error).replace(/^invalid reference format: /, "")}`,
      );
    }
  }
  for (const platform of settings.platforms) parsePlatform(platform);
  if (settings.noCache && settings.noCacheFilter.length > 0)
    throw new ExitError(1, "--no-cache and --no-cache-filter cannot currently be used together");
  if (!["", "default", "host", "none"].includes(settings.network))
    throw new ExitError(1, `network mode ${JSON.stringify(settings.network)} not supported by buildkit`);
  for (const each of settings.entitlements) {
    if (!/^(network\.host|security\.insecure|device(=.*)?)$/.test(each))
      throw new ExitError(1, `unknown entitlement ${each}`);
  }
  const pushes = settings.outputs.some(({ type, attrs }) => type === "image" && attrs.push === "true");
  if (pushes && settings.tags.length === 0 && !settings.outputs.some(({ attrs }) => attrs.name))
    throw new ExitError(1, "tag is needed when pushing to registry");
}

/** What the frontend is told; `hostGateway` stands for the name of the same meaning in --add-host. */
export function frontendAttributes(settings: BuildSettings, hostGateway: string): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(settings.buildArgs)) attributes[`build-arg:${name}`] = value;
  for (const [name, value] of Object.entries(settings.labels)) attributes[`label:${name}`] = value;
  for (const [type, value] of settings.attestations) if (value !== null) attributes[`attest:${type}`] = value;
  const set = (name: string, value: string): void => {
    if (value !== "") attributes[name] = value;
  };
  set("target", settings.target);
  set("platform", settings.platforms.join(","));
  if (settings.noCache) attributes["no-cache"] = "";
  set("no-cache", settings.noCacheFilter.join(","));
  if (settings.noCache) attributes["no-cache"] = "";
  if (settings.pull) attributes["image-resolve-mode"] = "pull";
  if (settings.network === "host" || settings.network === "none") attributes["force-network-mode"] = settings.network;
  set("add-hosts", settings.addHosts.map((each) => each.replace(/=host-gateway$/, `=${hostGateway}`)).join(","));
  set("cgroup-parent", settings.cgroupParent);
  set("shm-size", settings.shmSize > 0 ? String(settings.shmSize) : "");
  set("ulimit", settings.ulimits.join(","));
  const epoch = process.env.SOURCE_DATE_EPOCH;
  if (epoch && attributes["build-arg:SOURCE_DATE_EPOCH"] === undefined)
    attributes["build-arg:SOURCE_DATE_EPOCH"] = epoch;
  return attributes;
}

/** What RUN is granted: what was allowed, and the host's network where it was asked for. */
export const grantsOf = ({ entitlements, network }: BuildSettings): string[] => [
  ...new Set([...entitlements, ...(network === "host" ? ["network.host"] : [])]),
];
