import type { Build, SshKey } from "../model/build.ts";
import type { Node } from "../yaml/node.ts";
import { environment, extraHosts, listOf, listOrMapping, pairs, record, repeatedTexts } from "./collections.ts";
import { ulimits } from "./devices.ts";
import { fileGrant } from "./grants.ts";
import { bytes, flag, text, textValue } from "./scalars.ts";
import type { Type } from "./type.ts";

/** By id, in their order. */
const ssh: Type<readonly SshKey[]> = {
  accept: listOrMapping,
  read(node: Node) {
    if (node.kind !== "mapping" || node.entries.size === 0) return undefined;
    const keys = [...node.entries].map(([id, path]) => {
      const value = textValue(path);
      return value === "" ? { id } : { id, path: value };
    });
    return keys.sort((a, b) => (a.id < b.id ? -1 : 1));
  },
  show: (keys) => keys.map(({ id, path }) => (path === undefined ? id : `${id}: ${path}`)),
};

export const build: Type<Build> = record<Build>(
  {
    context: text(),
    dockerfile: text(),
    dockerfile_inline: text(),
    entitlements: repeatedTexts,
    args: environment,
    provenance: text({ types: ["string", "boolean"] }),
    sbom: text({ types: ["string", "boolean"] }),
    ssh,
    labels: pairs,
    cache_from: repeatedTexts,
    cache_to: repeatedTexts,
    no_cache: flag,
    additional_contexts: pairs,
    pull: flag,
    extra_hosts: extraHosts,
    isolation: text(),
    network: text(),
    target: text(),
    secrets: listOf(fileGrant),
    shm_size: bytes(["integer", "string"]),
    tags: repeatedTexts,
    ulimits,
    platforms: repeatedTexts,
    privileged: flag,
  },
  { or: [{ types: ["string"] }] },
);
