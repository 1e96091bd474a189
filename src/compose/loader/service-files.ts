/** `env_file` and `label_file`: what services read from files of their own. */
import { resolve } from "node:path";
import { invalidArgument, messageOf, notFound } from "../../lib/errors.ts";
import { parseDotenv, parseRawEnv } from "../interpolation/dotenv.ts";
import { unsetVariable } from "../interpolation/interpolate.ts";
import type { Lookup } from "../interpolation/template.ts";
import type { Service } from "../model/service.ts";
import { fileExists, readText } from "./read-file.ts";

type Warn = (message: string) => void;

export interface FilePlace {
  readonly environment: Readonly<Record<string, string>>;
  /** What paths that were left relative stand against. */
  readonly workingDir: string;
  readonly warn: Warn;
}

/** The variables of the files under those of `environment`; names without a value take the project's. Throws `notFound` for a missing file. */
export function resolveServiceEnvironment(service: Service, at: FilePlace): Service {
  const { environment, workingDir, warn } = at;
  const { env_file, environment: own = {}, ...rest } = service;
  const project: Lookup = (name) => (Object.hasOwn(environment, name) ? environment[name] : undefined);
  const given = new Map(Object.entries(own).map(([name, value]) => [name, value ?? project(name) ?? null]));
  const all = new Map<string, string>();
  for (const [name, value] of given) if (value !== null) all.set(name, value);
  for (const file of env_file ?? []) {
    const path = resolve(workingDir, file.path);
    if (!fileExists(path)) {
      if (file.required) throw notFound(`env file ${path} not found: stat ${path}: no such file or directory`);
      continue;
    }
    addFile(path, file.format, all, (name) => project(name) ?? given.get(name) ?? undefined, warn);
  }
  const merged = { ...Object.fromEntries(all), ...Object.fromEntries(given) };
  return Object.keys(merged).length === 0 ? rest : { ...rest, environment: merged };
}

function addFile(
  path: string,
  format: string | undefined,
  into: Map<string, string>,
  lookup: Lookup,
  warn: Warn,
): void {
  try {
    if (format === "raw") parseRawEnv(readText(path), into, lookup);
    else if (format === undefined || format === ".env") {
      parseDotenv(readText(path), into, lookup, (name) => warn(unsetVariable(name)));
    } else throw invalidArgument(`unsupported env_file format ${JSON.stringify(format)}`);
  } catch (error) {
    throw invalidArgument(`failed to read ${path}: ${messageOf(error)}`);
  }
}

/** The labels of the files under those of `labels`; `label_file` stays, for a container's hash has it. */
export function resolveServiceLabels(service: Service, { workingDir, warn }: FilePlace): Service {
  const { label_file } = service;
  if (label_file === undefined) return service;
  const found = new Map<string, string>();
  for (const name of label_file) {
    const path = resolve(workingDir, name);
    if (!fileExists(path)) throw notFound(`label file ${path} not found: stat ${path}: no such file or directory`);
    const own = new Map<string, string>();
    addFile(path, undefined, own, (name) => found.get(name), warn);
    for (const [key, value] of own) found.set(key, value);
  }
  const labels = { ...Object.fromEntries(found), ...service.labels };
  return Object.keys(labels).length === 0 ? service : { ...service, labels };
}
