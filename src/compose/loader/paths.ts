/** Relative paths in a file -> paths from where the project stands. */
import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, posix } from "node:path";
import { PathTable, rewrite } from "../paths-table.ts";
import type { Problems } from "../problems.ts";
import { asMapping, type Node, scalar, textOf } from "../yaml/node.ts";
import { isRemoteResource } from "./remote.ts";

export function expandHome(path: string): string {
  return path.startsWith("~") ? join(homedir(), path.slice(1)) : path;
}

const isWindowsPath = (path: string): boolean => /^[A-Za-z]:[\\/]/.test(path) || path.startsWith("\\\\");

/** True for what the builder fetches itself: a repository or an address. */
export function isRemoteContext(path: string): boolean {
  return path.includes("://") || /^(https?:\/\/|git:\/\/|ssh:\/\/|github\.com\/|git@)/.test(path);
}

type Resolve = (path: string, base: string) => string;

const plain: Resolve = (path, base) => {
  const expanded = expandHome(path);
  return expanded === "" || isAbsolute(expanded) ? expanded : join(base, expanded);
};
const maybeWindows: Resolve = (path, base) => (isWindowsPath(path) ? path : plain(path === "" ? "." : path, base));
const context: Resolve = (path, base) =>
  isRemoteContext(path) || path.startsWith("service:") ? path : plain(path, base);
const linked: Resolve = (path, base) => {
  const absolute = plain(path, base);
  try {
    return realpathSync(absolute);
  } catch {
    // What is not there yet is watched under the name that was given.
    return absolute;
  }
};

type Rule = (node: Node, base: string, problems: Problems, path: readonly string[]) => Node;

const text =
  (resolve: Resolve): Rule =>
  (node, base) => {
    const value = textOf(node);
    return value === undefined ? node : scalar(resolve(value, base), node.at);
  };

const bindSource: Rule = (node, base, problems, path) => {
  const mount = asMapping(node);
  if (!mount || textOf(mount.entries.get("type")) !== "bind") return node;
  const source = textOf(mount.entries.get("source"));
  if (source === undefined) {
    const words = `invalid mount config for type "bind": field Source must not be empty`;
    problems.add(node.at, path.join("."), words);
    return node;
  }
  mount.entries.set("source", scalar(maybeWindows(source, base), mount.entries.get("source")!.at));
  return mount;
};

/** A volume of the local driver that is a bind mount in truth. */
const boundVolume: Rule = (node, base) => {
  const volume = asMapping(node);
  const options = asMapping(volume?.entries.get("driver_opts"));
  const device = options?.entries.get("device");
  if (!options || textOf(volume?.entries.get("driver")) !== "local" || textOf(options.entries.get("o")) !== "bind")
    return node;
  if (textOf(device) !== undefined)
    options.entries.set("device", scalar(maybeWindows(textOf(device)!, base), device!.at));
  return node;
};

const rules = new PathTable<Rule>({
  "services.*.build.context": text(context),
  "services.*.build.additional_contexts.*": text(context),
  "services.*.build.ssh.*": text(maybeWindows),
  "services.*.env_file.*.path": text(plain),
  "services.*.label_file.*": text(plain),
  "services.*.extends.file": text((path, base) => (isRemoteResource(path) ? path : plain(path, base))),
  "services.*.develop.watch.*.path": text(linked),
  "services.*.volumes.*": bindSource,
  "configs.*.file": text(maybeWindows),
  "secrets.*.file": text(maybeWindows),
  "volumes.*": boundVolume,
});

/** `base` may itself be relative: to what the paths are resolved against later. */
export function resolvePaths(root: Node, base: string, problems: Problems): Node {
  return rewrite(root, rules, (rule, node, path) => rule(node, base, problems, path));
}

export const cleanTarget = (target: string): string => posix.normalize(target).replace(/(.)\/$/, "$1");
