/** Lists in which a later entry takes the place of an earlier one that is about the same thing. */

import { parseVolume } from "../canonical/volume-spec.ts";
import { PathTable, rewrite } from "../paths-table.ts";
import { textValue } from "../schema/scalars.ts";
import { asMapping, type Node, sequence } from "../yaml/node.ts";

/** What an entry is about. */
type Key = (entry: Node) => string;

/** The part before `=`. */
const keyOf: Key = (entry) => textValue(entry).split("=", 1)[0]!;
const wholeOf: Key = textValue;
const field = (entry: Node, name: string): string | undefined => {
  const value = asMapping(entry)?.entries.get(name);
  return value === undefined ? undefined : textValue(value);
};

const mountTarget: Key = (entry) => {
  if (entry.kind !== "scalar") return field(entry, "target") ?? "";
  try {
    return parseVolume(textValue(entry)).target;
  } catch {
    // Told when the short form is read.
    return textValue(entry);
  }
};

const deviceTarget: Key = (entry) => {
  const [source = "", target = source] = textValue(entry).split(":");
  return field(entry, "target") ?? (entry.kind === "scalar" ? target : (field(entry, "source") ?? ""));
};

const grantTarget =
  (folder: string): Key =>
  (entry) =>
    field(entry, "target") ?? `${folder}/${field(entry, "source") ?? textValue(entry)}`;

const portKey: Key = (entry) => {
  if (entry.kind !== "mapping") return textValue(entry);
  const address = field(entry, "host_ip") ?? "0.0.0.0";
  return `${address}:${field(entry, "published") ?? ""}:${field(entry, "target")}/${field(entry, "protocol") ?? "tcp"}`;
};

const filePath: Key = (entry) => field(entry, "path") ?? textValue(entry);

const keys = new PathTable<Key>({
  "networks.*.labels": keyOf,
  "networks.*.ipam.options": keyOf,
  "services.*.annotations": keyOf,
  "services.*.build.args": keyOf,
  "services.*.build.additional_contexts": keyOf,
  "services.*.build.tags": keyOf,
  "services.*.build.labels": keyOf,
  "services.*.cap_add": keyOf,
  "services.*.cap_drop": keyOf,
  "services.*.devices": deviceTarget,
  "services.*.configs": grantTarget(""),
  "services.*.deploy.labels": keyOf,
  "services.*.dns": keyOf,
  "services.*.dns_opt": keyOf,
  "services.*.dns_search": keyOf,
  "services.*.environment": keyOf,
  "services.*.env_file": filePath,
  "services.*.expose": wholeOf,
  "services.*.labels": keyOf,
  "services.*.links": keyOf,
  "services.*.networks.*.aliases": keyOf,
  "services.*.networks.*.link_local_ips": keyOf,
  "services.*.ports": portKey,
  "services.*.profiles": keyOf,
  "services.*.secrets": grantTarget("/run/secrets"),
  "services.*.sysctls": keyOf,
  "services.*.tmpfs": keyOf,
  "services.*.volumes": mountTarget,
});

export function enforceUnique(root: Node): Node {
  return rewrite(root, keys, (key, node) => {
    if (node.kind !== "sequence") return node;
    const last = new Map<string, Node>();
    for (const entry of node.items) last.set(key(entry), entry);
    return last.size === node.items.length ? node : sequence([...last.values()], node.at);
  });
}
