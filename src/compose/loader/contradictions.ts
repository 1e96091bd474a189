/** What can be said in one place, and may not be said together. Looked at in the long form, before the model is read. */
import { isIP } from "node:net";
import { PathTable } from "../paths-table.ts";
import type { Problems } from "../problems.ts";
import { textValue } from "../schema/scalars.ts";
import { keyPlace, type Mapping, type Node, textOf } from "../yaml/node.ts";

type Look = (node: Mapping, path: string, problems: Problems) => void;

const volume: Look = (node, path, problems) => {
  const external = node.entries.get("external");
  if (external?.kind !== "scalar" || external.value !== true) return;
  for (const key of node.entries.keys()) {
    if (key === "name" || key === "external" || key.startsWith("x-")) continue;
    problems.add(
      keyPlace(node, key),
      path,
      `${path}: conflicting parameters "external" and ${JSON.stringify(key)} specified`,
    );
  }
};

const fileObject =
  (...sources: readonly string[]): Look =>
  (node, path, problems) => {
    const count = sources.filter((key) => node.entries.has(key)).length;
    if (count > 1) problems.add(node.at, path, `${path}: ${sources.join("|")} attributes are mutually exclusive`);
    if (count === 0 && !node.entries.has("driver") && !node.entries.has("external")) {
      problems.add(node.at, path, `${path}: one of ${sources.join("|")} must be set`);
    }
  };

const devices: Look = (node, path, problems) => {
  if (!node.entries.has("count") || !node.entries.has("device_ids")) return;
  problems.add(node.at, path, `${path}: "count" and "device_ids" attributes are exclusive`);
};

const port: Look = (node, path, problems) => {
  const address = node.entries.get("host_ip");
  if (address && isIP(textValue(address)) === 0)
    problems.add(address.at, path, `${path}: invalid ip address: ${textValue(address)}`);
  if (!node.entries.has("target")) problems.add(node.at, path, `service ports ${path} is missing a target port`);
};

const mount: Look = (node, path, problems) => {
  if (!node.entries.has("target")) problems.add(node.at, path, `service volume ${path} is missing a mount target`);
};

const watched: Look = (node, path, problems) => {
  const watchedPath = node.entries.get("path");
  if (watchedPath && textOf(watchedPath) === "")
    problems.add(watchedPath.at, path, `${path}.path: value can't be blank`);
};

const looks = new PathTable<Look>({
  "volumes.*": volume,
  "configs.*": fileObject("file", "environment", "content"),
  "secrets.*": fileObject("file", "environment"),
  "services.*.ports.*": port,
  "services.*.volumes.*": mount,
  "services.*.develop.watch.*": watched,
  "services.*.deploy.resources.reservations.devices.*": devices,
  "services.*.gpus.*": devices,
});

export function findContradictions(node: Node, problems: Problems, path: readonly string[] = []): void {
  const look = looks.at(path);
  if (look && node.kind === "mapping") look(node, path.join("."), problems);
  if (node.kind === "mapping")
    for (const [key, value] of node.entries) findContradictions(value, problems, [...path, key]);
  if (node.kind === "sequence")
    for (const [i, item] of node.items.entries()) findContradictions(item, problems, [...path, String(i)]);
}
