/** `include`: other applications as parts of this one. */
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { invalidArgument, messageOf } from "../../lib/errors.ts";
import { textValue } from "../schema/scalars.ts";
import {
  asMapping,
  asSequence,
  child,
  keyPlace,
  type Mapping,
  mapping,
  type Node,
  sameValue,
  textOf,
} from "../yaml/node.ts";
import { readEnvFiles } from "./environment.ts";
import { fileExists, isFile } from "./read-file.ts";

export interface Included {
  readonly files: readonly string[];
  /** What its relative paths stand against: as an absolute path, and relative to the including file's own. */
  readonly workingDir: string;
  readonly base: string;
  readonly environment: Map<string, string>;
}

export interface Including {
  /** Absolute. */
  readonly workingDir: string;
  readonly environment: ReadonlyMap<string, string>;
  /** Where a file is that `path` names. Throws for one of another machine that is not here. */
  readonly locate: (path: string) => string;
  /** The files on the way to this one, itself last. */
  readonly chain: readonly string[];
  readonly load: (included: Included) => Mapping;
  readonly fail: (node: Node, path: string, message: string) => void;
  readonly warn: (message: string) => void;
}

const sections = ["services", "volumes", "networks", "secrets", "configs", "models"];

/** Brings what `root` includes into it, and takes the key away. */
export function applyIncludes(root: Mapping, how: Including): void {
  const list = asSequence(root.entries.get("include"));
  root.entries.delete("include");
  for (const [i, entry] of (list?.items ?? []).entries()) {
    try {
      const included = describe(entry, how);
      const circle = included.files[0];
      if (how.chain.includes(circle!)) {
        const words = `include cycle detected:\n${how.chain[0]}\n include ${[...how.chain.slice(1), circle].join("\n include ")}`;
        how.fail(entry, `include.${i}`, words);
      } else bringIn(root, how.load(included), how);
    } catch (error) {
      how.fail(entry, `include.${i}`, messageOf(error));
    }
  }
}

const textsOf = (node: Node | undefined): string[] =>
  node === undefined ? [] : node.kind === "sequence" ? node.items.map(textValue) : [textValue(node)];

function describe(entry: Node, how: Including): Included {
  const paths = textOf(entry) === undefined ? textsOf(child(entry, "path")) : [textOf(entry)!];
  const [first] = paths;
  if (first === undefined) throw invalidArgument("include must have a path");
  const files = paths.map(how.locate);
  const given = textOf(child(entry, "project_directory")) || undefined;
  const workingDir = given === undefined ? dirname(files[0]!) : resolve(how.workingDir, given);
  const base = given !== undefined && isAbsolute(given) ? given : relative(how.workingDir, workingDir) || ".";
  const environment = new Map(how.environment);
  const envFiles = includedEnvFiles(textsOf(child(entry, "env_file")), workingDir, how);
  for (const [key, value] of readEnvFiles(how.environment, envFiles, how.warn)) {
    if (!environment.has(key)) environment.set(key, value);
  }
  return { files, workingDir, base, environment };
}

function includedEnvFiles(named: readonly string[], workingDir: string, how: Including): string[] {
  if (named.length === 0) {
    const file = join(workingDir, ".env");
    return isFile(file) ? [file] : [];
  }
  return named.map((name) => {
    const file = resolve(how.workingDir, name);
    if (!fileExists(file)) throw invalidArgument(`stat ${file}: no such file or directory`);
    if (!isFile(file)) throw invalidArgument(`${file} is not a file`);
    return file;
  });
}

function bringIn(root: Mapping, from: Mapping, how: Including): void {
  for (const section of sections) {
    const source = asMapping(from.entries.get(section));
    if (!source) continue;
    const target = asMapping(root.entries.get(section)) ?? mapping([], source.at);
    for (const [name, value] of source.entries) {
      const before = target.entries.get(name);
      if (before === undefined) {
        target.entries.set(name, value);
        target.keyAt.set(name, keyPlace(source, name));
      } else if (!sameValue(before, value)) {
        how.fail(before, `${section}.${name}`, `${section}.${name} conflicts with imported resource`);
      }
    }
    root.entries.set(section, target);
  }
}
