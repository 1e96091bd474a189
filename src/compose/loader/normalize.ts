/** The implicit made explicit: the default network, names, what links and shared namespaces imply. */
import { posix } from "node:path";
import { textValue } from "../schema/scalars.ts";
import {
  asMapping,
  asSequence,
  isNull,
  type Mapping,
  mapping,
  type Node,
  nowhere,
  scalar,
  textOf,
} from "../yaml/node.ts";

export function normalize(root: Mapping, name: string, environment: ReadonlyMap<string, string>): void {
  addDefaultNetwork(root);
  const services = asMapping(root.entries.get("services"));
  for (const value of services?.entries.values() ?? []) {
    const service = asMapping(value);
    if (service) normalizeService(service, environment);
  }
  for (const section of ["networks", "volumes", "configs", "secrets"]) nameResources(root, section, name);
}

function addDefaultNetwork(root: Mapping): void {
  let isUsed = false;
  for (const value of asMapping(root.entries.get("services"))?.entries.values() ?? []) {
    const service = asMapping(value);
    if (!service || service.entries.has("provider") || service.entries.has("network_mode")) continue;
    const networks = asMapping(service.entries.get("networks"));
    if (!networks || networks.entries.size === 0) {
      service.entries.set("networks", mapping([["default", scalar(null, service.at)]], service.at));
      isUsed = true;
    } else if (networks.entries.has("default")) isUsed = true;
  }
  const networks = asMapping(root.entries.get("networks")) ?? mapping([], root.at);
  if (isUsed && !networks.entries.has("default")) networks.entries.set("default", scalar(null, nowhere));
  if (networks.entries.size > 0) root.entries.set("networks", networks);
}

function normalizeService(service: Mapping, environment: ReadonlyMap<string, string>): void {
  const policy = service.entries.get("pull_policy");
  if (policy && textOf(policy) === "if_not_present") service.entries.set("pull_policy", scalar("missing", policy.at));
  const build = asMapping(service.entries.get("build"));
  if (build) normalizeBuild(build, environment);
  fillIn(service, "environment", environment, true);
  for (const mount of asSequence(service.entries.get("volumes"))?.items ?? []) {
    const target = asMapping(mount)?.entries.get("target");
    if (target) asMapping(mount)!.entries.set("target", scalar(cleanPath(textValue(target)), target.at));
  }
  addDependencies(service);
}

const cleanPath = (path: string): string => (path === "" ? "." : posix.normalize(path).replace(/(.)\/$/, "$1"));

function normalizeBuild(build: Mapping, environment: ReadonlyMap<string, string>): void {
  if (isNull(build.entries.get("context"))) build.entries.set("context", scalar(".", build.at));
  if (isNull(build.entries.get("dockerfile")) && isNull(build.entries.get("dockerfile_inline"))) {
    build.entries.set("dockerfile", scalar("Dockerfile", build.at));
  }
  fillIn(build, "args", environment, false);
}

/** Names without a value get the variable's; those that are not set stay, or go. */
function fillIn(parent: Mapping, key: string, environment: ReadonlyMap<string, string>, keepUnset: boolean): void {
  const node = parent.entries.get(key);
  if (node?.kind === "mapping") {
    for (const [name, value] of [...node.entries]) {
      if (!isNull(value)) continue;
      const found = environment.get(name);
      if (found !== undefined) node.entries.set(name, scalar(found, value.at));
      else if (!keepUnset) node.entries.delete(name);
    }
  } else if (node?.kind === "sequence") {
    const items = node.items.flatMap((item): Node[] => {
      const text = textValue(item);
      const found = text.includes("=") ? undefined : environment.get(text);
      if (found !== undefined) return [scalar(`${text}=${found}`, item.at)];
      return text.includes("=") || keepUnset ? [item] : [];
    });
    node.items.splice(0, node.items.length, ...items);
  }
}

function addDependencies(service: Mapping): void {
  const dependsOn = asMapping(service.entries.get("depends_on")) ?? mapping([], service.at);
  const add = (name: string, node: Node, restart: boolean): void => {
    if (dependsOn.entries.has(name)) return;
    const fields: [string, Node][] = [
      ["condition", scalar("service_started", node.at)],
      ["restart", scalar(restart, node.at)],
      ["required", scalar(true, node.at)],
    ];
    dependsOn.entries.set(name, mapping(fields, node.at));
  };
  for (const link of asSequence(service.entries.get("links"))?.items ?? []) {
    const parts = textValue(link).split(":");
    add(parts.length === 2 ? parts[0]! : textValue(link), link, true);
  }
  for (const key of ["network_mode", "ipc", "pid", "uts", "cgroup"]) {
    const node = service.entries.get(key);
    const shared = /^service:(.*)$/s.exec(textOf(node) ?? "")?.[1];
    if (node && shared !== undefined) add(shared, node, true);
  }
  for (const from of asSequence(service.entries.get("volumes_from"))?.items ?? []) {
    const text = textValue(from);
    if (!text.startsWith("container:")) add(text.split(":")[0]!, from, false);
  }
  if (dependsOn.entries.size > 0) service.entries.set("depends_on", dependsOn);
}

/** What has no name of its own is called after the project, unless it is someone else's. */
function nameResources(root: Mapping, section: string, project: string): void {
  const resources = asMapping(root.entries.get(section));
  for (const [key, value] of resources?.entries ?? []) {
    const resource = asMapping(value) ?? mapping([], value.at);
    if (isNull(resource.entries.get("name"))) {
      const isExternal = /^(true|1|t)$/i.test(textValue(resource.entries.get("external") ?? scalar(false, nowhere)));
      resource.entries.set("name", scalar(isExternal ? key : `${project}_${key}`, value.at));
    }
    resources!.entries.set(key, resource);
  }
}
