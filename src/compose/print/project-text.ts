/** A project as `config` prints it. */

import { contentKey } from "../loader/model.ts";
import type { Named, Project } from "../model/project.ts";
import { extensionEntries, show } from "../schema/collections.ts";
import { sections } from "../schema/project.ts";
import { type Format, type Printable, type Type, UserMap } from "../schema/type.ts";
import type { Node } from "../yaml/node.ts";
import { Float } from "./float.ts";
import { goJson } from "./json-text.ts";
import { compareKeys, yamlText } from "./yaml-text.ts";

/** The sections in their order; in JSON models are not shown. */
const order = ["services", "networks", "volumes", "secrets", "configs", "models"] as const;

export function projectText(project: Project, format: Format): string {
  const fields = new Map<string, Printable>();
  if (project.name !== "") fields.set("name", project.name);
  for (const section of order) {
    if (format === "json" && section === "models") continue;
    const named = project[section] as Named<unknown>;
    if (section !== "services" && Object.keys(named).length === 0) continue;
    fields.set(section, sectionValue(named, sections[section] as Type<unknown>, format));
  }
  for (const [key, value] of extensionEntries(project.extensions)) fields.set(key, value);
  if (format === "yaml") return yamlText(orderedForYaml(fields));
  return goJson(new Map([...fields].sort(([a], [b]) => (a < b ? -1 : 1))), "  ");
}

function sectionValue(named: Named<unknown>, type: Type<unknown>, format: Format): Printable {
  const names = Object.keys(named).sort((a, b) => (a < b ? -1 : 1));
  return new UserMap(names.map((name) => [name, show(type, named[name], format)]));
}

function orderedForYaml(value: Printable): Printable {
  if (Array.isArray(value)) return value.map(orderedForYaml);
  if (!(value instanceof Map)) return value;
  const entries = [...value].map(([key, one]) => [key, orderedForYaml(one)] as [string, Printable]);
  return new Map(value instanceof UserMap ? entries.sort(([a], [b]) => compareKeys(a, b)) : entries);
}

/** A tree that is not read into the model: keys sorted. */
export function modelText(root: Node, format: Format): string {
  const value = printable(root, format);
  return format === "yaml" ? yamlText(value) : goJson(value, "  ");
}

function printable(node: Node, format: Format): Printable {
  if (node.kind === "scalar") {
    return node.isFloat && typeof node.value === "number" ? new Float(node.value, 64) : node.value;
  }
  if (node.kind === "sequence") return node.items.map((item) => printable(item, format));
  const compare = format === "yaml" ? compareKeys : (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  const entries = [...node.entries].filter(([key]) => key !== contentKey).sort(([a], [b]) => compare(a, b));
  return new Map(entries.map(([key, value]) => [key, printable(value, format)]));
}
