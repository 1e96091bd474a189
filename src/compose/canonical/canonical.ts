/** Every short form in its long one. The tree has been checked: what is there is of a kind that may be there. */
import { messageOf } from "../../lib/errors.ts";
import { PathTable, rewrite } from "../paths-table.ts";
import type { Problems } from "../problems.ts";
import { textValue } from "../schema/scalars.ts";
import {
  type At,
  asMapping,
  isNull,
  type Mapping,
  mapping,
  type Node,
  scalar,
  sequence,
  textOf,
} from "../yaml/node.ts";
import { parsePort } from "./port-spec.ts";
import { parseVolume } from "./volume-spec.ts";

export interface Canonical {
  readonly problems: Problems;
  readonly warn: (message: string) => void;
  /** Variables stand as they are: what they hide cannot be read, and stays in its short form. */
  readonly keepTemplates: boolean;
}

type Rewrite = (node: Node, path: readonly string[], how: Canonical) => Node;

const list: Rewrite = (node) =>
  node.kind === "scalar" && typeof node.value === "string" ? sequence([node], node.at) : node;

const asField =
  (key: string): Rewrite =>
  (node) =>
    textOf(node) === undefined ? node : mapping([[key, node]], node.at);

/** Values with an `=` as a mapping. */
const keyValues: Rewrite = (node, path, { problems, keepTemplates }) => {
  if (node.kind !== "sequence") return node;
  const entries: [string, Node][] = [];
  for (const item of node.items) {
    const value = textValue(item);
    const at = value.indexOf("=");
    if (at < 0) {
      if (keepTemplates) return node;
      problems.add(item.at, path.join("."), `${path.join(".")}: invalid value ${value}, expected key=value`);
    } else entries.push([value.slice(0, at), scalar(value.slice(at + 1), item.at)]);
  }
  return mapping(entries, node.at);
};

const names: Rewrite = (node) => {
  if (node.kind !== "sequence") return node;
  const result = mapping(
    node.items.map((item) => [textValue(item), scalar(null, item.at)]),
    node.at,
  );
  for (const item of node.items) result.keyAt.set(textValue(item), item.at);
  return result;
};

function setMissing(node: Mapping, key: string, value: string | boolean): void {
  if (!node.entries.has(key)) node.entries.set(key, scalar(value, node.at));
}

const dependsOn: Rewrite = (node) => {
  const result = node.kind === "sequence" ? (names(node, [], {} as Canonical) as Mapping) : node;
  if (result.kind !== "mapping") return node;
  for (const [name, value] of result.entries) {
    const long = asMapping(value) ?? mapping([], value.at);
    setMissing(long, "condition", "service_started");
    setMissing(long, "required", true);
    result.entries.set(name, long);
  }
  return result;
};

const envFiles: Rewrite = (node) => {
  const items = node.kind === "sequence" ? node.items : isNull(node) ? [] : [node];
  const long = items.map((item) => {
    const one = asMapping(item) ?? mapping([["path", item]], item.at);
    setMissing(one, "required", true);
    return one;
  });
  return sequence(long, node.at);
};

const gpus: Rewrite = (node) =>
  textOf(node) === undefined ? node : sequence([mapping([["count", scalar("all", node.at)]], node.at)], node.at);

/** Runs a parser; what it refuses is told, or stays when a variable may hide in it. */
function parsed(node: Node, path: readonly string[], how: Canonical, parse: (text: string) => Node): Node {
  try {
    return parse(textValue(node));
  } catch (error) {
    if (!how.keepTemplates) how.problems.add(node.at, path.join("."), `${path.join(".")}: ${messageOf(error)}`);
    return node;
  }
}

const mount: Rewrite = (node, path, how) => {
  if (node.kind !== "scalar") return node;
  return parsed(node, path, how, (text) => {
    const { at } = node;
    const spec = parseVolume(text);
    const fields: [string, Node][] = [["type", scalar(spec.type, at)]];
    if (spec.source !== "") fields.push(["source", scalar(spec.source, at)]);
    fields.push(["target", scalar(spec.target, at)]);
    if (spec.readOnly) fields.push(["read_only", scalar(true, at)]);
    if (spec.type === "bind" || spec.propagation || spec.selinux) fields.push(["bind", bindOptions(spec, at)]);
    if (spec.nocopy || (spec.type === "volume" && text.length > 2)) {
      fields.push(["volume", mapping(spec.nocopy ? [["nocopy", scalar(true, at)]] : [], at)]);
    }
    return mapping(fields, at);
  });
};

function bindOptions(spec: ReturnType<typeof parseVolume>, at: At): Mapping {
  const fields: [string, Node][] = [];
  if (spec.selinux) fields.push(["selinux", scalar(spec.selinux, at)]);
  if (spec.propagation) fields.push(["propagation", scalar(spec.propagation, at)]);
  // The short form has always made a missing path.
  if (spec.type === "bind") fields.push(["create_host_path", scalar(true, at)]);
  return mapping(fields, at);
}

const device: Rewrite = (node, path, how) => {
  if (node.kind !== "scalar") return node;
  const [source = "", target = "", permissions = "rwm", ...more] = textValue(node).split(":");
  if (more.length > 0 && !how.keepTemplates) {
    const words = `confusing device mapping, please use long syntax: ${textValue(node)}`;
    how.problems.add(node.at, path.join("."), words);
  }
  const fields = { source, target: target || source, permissions };
  return mapping(
    Object.entries(fields).map(([key, value]) => [key, scalar(value, node.at)]),
    node.at,
  );
};

const ports: Rewrite = (node, path, how) => {
  if (node.kind !== "sequence") return node;
  const before = how.problems.count;
  const items = node.items.map((item, i) => {
    if (item.kind !== "scalar") return item;
    return parsed(item, [...path, String(i)], how, (text) =>
      sequence(
        parsePort(text).map((port) => portNode(port, item.at)),
        item.at,
      ),
    );
  });
  if (how.problems.count > before) return sequence([], node.at);
  // A short form that could not be read keeps the whole list as it is.
  if (items.some((item) => item.kind === "scalar")) return node;
  return sequence(
    items.flatMap((item) => (item.kind === "sequence" ? item.items : [item])),
    node.at,
  );
};

function portNode(port: ReturnType<typeof parsePort>[number], at: At): Node {
  const fields: [string, Node][] = [["mode", scalar("ingress", at)]];
  if (port.hostIp !== "") fields.push(["host_ip", scalar(port.hostIp, at)]);
  fields.push(["target", scalar(port.target, at)]);
  if (port.published !== "") fields.push(["published", scalar(port.published, at)]);
  fields.push(["protocol", scalar(port.protocol, at)]);
  return mapping(fields, at);
}

const ssh: Rewrite = (node, path, { problems }) => {
  if (node.kind !== "sequence") return node;
  const entries: [string, Node][] = [];
  for (const item of node.items) {
    const [id = "", ...rest] = textValue(item).split("=");
    if (rest.length > 0) entries.push([id, scalar(rest.join("="), item.at)]);
    else if (id === "default") entries.push([id, scalar(null, item.at)]);
    else problems.add(item.at, path.join("."), `${path.join(".")}: invalid ssh key ${JSON.stringify(textValue(item))}`);
  }
  return mapping(entries, node.at);
};

/** `external: {name: X}`, the old form. */
const external: Rewrite = (node, path, { problems, warn }) => {
  const resource = asMapping(node);
  const old = asMapping(resource?.entries.get("external"));
  if (!resource || !old) return node;
  resource.entries.set("external", scalar(true, old.at));
  const outer = resource.entries.get("name");
  const inner = old.entries.get("name");
  if (inner === undefined) return resource;
  const where = path.join(".");
  warn(`${where}: external.name is deprecated. Please set name and external: true`);
  if (outer !== undefined && textValue(outer) !== textValue(inner)) {
    problems.add(inner.at, where, `${where}: name and external.name conflict; only use name`);
  } else if (outer === undefined) resource.entries.set("name", inner);
  return resource;
};

const stringified: Rewrite = (node) => (node.kind === "scalar" ? scalar(textValue(node), node.at) : node);

/** From the outside in: what a rule makes is looked at again further down. */
const rules = new PathTable<Rewrite>({
  "services.*.build": asField("context"),
  "services.*.build.secrets.*": asField("source"),
  "services.*.build.provenance": stringified,
  "services.*.build.sbom": stringified,
  "services.*.build.additional_contexts": keyValues,
  "services.*.build.ssh": ssh,
  "services.*.depends_on": dependsOn,
  "services.*.env_file": envFiles,
  "services.*.label_file": list,
  "services.*.extends": asField("service"),
  "services.*.gpus": gpus,
  "services.*.networks": names,
  "services.*.models": names,
  "services.*.volumes.*": mount,
  "services.*.dns": list,
  "services.*.devices.*": device,
  "services.*.secrets.*": asField("source"),
  "services.*.configs.*": asField("source"),
  "services.*.ports": ports,
  "services.*.develop.watch.*.ignore": list,
  "services.*.develop.watch.*.include": list,
  "volumes.*": external,
  "networks.*": external,
  "secrets.*": external,
  "configs.*": external,
  "include.*": asField("path"),
});

/** Answers the tree in long forms, without empty DNS servers. */
export function canonical(root: Node, how: Canonical): Node {
  const long = rewrite(root, rules, (rule, node, path) => rule(node, path, how), { deeper: true });
  return rewrite(long, new PathTable({ "services.*.dns": true }), (_rule, node) => {
    if (node.kind !== "sequence") return node;
    return sequence(
      node.items.filter((item) => !isNull(item) && textOf(item) !== ""),
      node.at,
    );
  });
}
