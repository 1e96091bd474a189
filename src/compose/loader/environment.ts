/** Which files make the project, and which variables they see. */

import { realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { invalidArgument, messageOf, notFound } from "../../lib/errors.ts";
import { parseDotenv } from "../interpolation/dotenv.ts";
import { unsetVariable } from "../interpolation/interpolate.ts";
import type { LoadOptions } from "../load-options.ts";
import { fileExists, isFile, readText } from "./read-file.ts";
import { isRemoteResource, type RemoteFiles } from "./remote.ts";

/** What the search for a project looks for, in this order. */
export const fileNames = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const overrideNames = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];

export interface ProjectFiles {
  /** Absolute; `-` is stdin. */
  readonly files: readonly string[];
  /** Absolute: what relative paths stand against. */
  readonly workingDir: string;
  /** Absolute: what the project is named after, and where `.env` is. Another folder than that of files of other machines. */
  readonly folder: string;
  readonly environment: Map<string, string>;
  readonly profiles: readonly string[];
  /** The env files given by name, absolute. */
  readonly envFiles: readonly string[];
}

type Warn = (message: string) => void;

/**
 * Reads `.env` files as it goes, since they may name the files. Throws `notFound` when there is no Compose file, and what
 * {@link RemoteFiles.locate} throws.
 */
export function findProject(options: LoadOptions, remote: RemoteFiles): ProjectFiles {
  const warn = options.warn ?? (() => {});
  const environment = new Map<string, string>();
  for (const [key, value] of Object.entries(options.env)) if (value !== undefined) environment.set(key, value);
  environment.set("PWD", options.cwd);
  const given = (options.files ?? []).map((file) => fileNamed(file, options.cwd, remote));
  const base = options.projectDirectory ? resolve(options.cwd, options.projectDirectory) : undefined;
  const folderOf = (files: readonly NamedFile[]): string => {
    const first = files.find(({ path }) => path !== "-");
    return base ?? (first === undefined || first.isRemote ? options.cwd : dirname(first.path));
  };
  const envFiles = namedEnvFiles(options, environment);
  addEnvFiles(environment, envFiles ?? defaultEnvFile(folderOf(given), options.env), warn);
  const files =
    given.length > 0
      ? given
      : (filesFromEnvironment(environment, options.cwd, remote) ?? searchUpwards(folderOf([]), warn));
  if (files.length === 0) throw notFound("no configuration file provided: not found");
  const folder = folderOf(files);
  const elsewhere = files.find(({ isRemote }) => isRemote);
  // The files may stand somewhere else than where the first .env was looked for.
  if (envFiles === undefined) addEnvFiles(environment, defaultEnvFile(folder, options.env), warn);
  const profiles = options.profiles?.length ? options.profiles : (environment.get("COMPOSE_PROFILES") ?? "").split(",");
  return {
    files: files.map(({ path }) => path),
    workingDir: elsewhere ? dirname(elsewhere.path) : folder,
    folder,
    environment,
    profiles: profiles.map((one) => one.trim()).filter((one) => one !== ""),
    envFiles: envFiles ?? [],
  };
}

/** Absolute, or `-`. */
interface NamedFile {
  readonly path: string;
  readonly isRemote: boolean;
}

function fileNamed(file: string, cwd: string, remote: RemoteFiles): NamedFile {
  const isRemote = isRemoteResource(file);
  if (isRemote) return { path: remote.locate(file), isRemote };
  return { path: file === "-" ? file : resolve(cwd, file), isRemote };
}

function namedEnvFiles(options: LoadOptions, environment: ReadonlyMap<string, string>): string[] | undefined {
  const fromVariable = environment.get("COMPOSE_ENV_FILES");
  const named = options.envFiles?.length ? options.envFiles : fromVariable ? fromVariable.split(",") : undefined;
  return named?.map((file) => resolve(options.cwd, file));
}

function defaultEnvFile(folder: string, env: LoadOptions["env"]): string[] {
  const off = env.COMPOSE_DISABLE_ENV_FILE;
  if (off !== undefined && off !== "") {
    if (/^(1|t|T|TRUE|true|True)$/.test(off)) return [];
    if (!/^(0|f|F|FALSE|false|False)$/.test(off)) {
      throw invalidArgument(`strconv.ParseBool: parsing ${JSON.stringify(off)}: invalid syntax`);
    }
  }
  const file = join(folder, ".env");
  return isFile(file) ? [file] : [];
}

/** What is set already stays. */
export function addEnvFiles(environment: Map<string, string>, files: readonly string[], warn: Warn): void {
  const found = readEnvFiles(environment, files, warn);
  for (const [key, value] of found) if (!environment.has(key)) environment.set(key, value);
}

export function readEnvFiles(
  environment: ReadonlyMap<string, string>,
  files: readonly string[],
  warn: Warn,
): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of files) {
    if (!fileExists(file)) throw notFound(`couldn't find env file: ${file}`);
    if (!isFile(file)) throw invalidArgument(`${file} is a directory`);
    try {
      const lookup = (name: string): string | undefined => environment.get(name) ?? found.get(name);
      parseDotenv(readText(file), found, lookup, (name) => warn(unsetVariable(name)));
    } catch (error) {
      throw invalidArgument(`failed to read ${file}: ${messageOf(error)}`);
    }
  }
  return found;
}

function filesFromEnvironment(
  environment: ReadonlyMap<string, string>,
  cwd: string,
  remote: RemoteFiles,
): NamedFile[] | undefined {
  const value = environment.get("COMPOSE_FILE");
  if (value === undefined) return undefined;
  const paths = value.split(environment.get("COMPOSE_PATH_SEPARATOR") || ":");
  return paths.map((path) => {
    const named = fileNamed(path, cwd, remote);
    if (named.path !== "-" && !fileExists(named.path)) throw notFound(`stat ${named.path}: no such file or directory`);
    return named;
  });
}

function searchUpwards(from: string, warn: Warn): NamedFile[] {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = present(folder, fileNames);
    if (found.length > 0) {
      const override = preferred(present(folder, overrideNames), "override", warn);
      const paths = [preferred(found, "config", warn)!, ...(override === undefined ? [] : [override])];
      return paths.map((path) => ({ path, isRemote: false }));
    }
    if (dirname(folder) === folder) return [];
  }
}

const present = (folder: string, names: readonly string[]): string[] =>
  names.map((name) => join(folder, name)).filter(fileExists);

function preferred(found: readonly string[], kind: string, warn: Warn): string | undefined {
  if (found.length > 1) {
    warn(`Found multiple ${kind} files with supported names: ${found.join(", ")}`);
    warn(`Using ${found[0]}`);
  }
  return found[0];
}

/** Lower case, digits, `-` and `_`, starting with a letter or digit. */
export function normalizeProjectName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, "")
    .replace(/^[_-]+/, "");
}

/** Throws `invalidArgument` for a name that was asked for and is not one. `inFiles` are the files' own `name`s, filled in. */
export function projectName(options: LoadOptions, project: ProjectFiles, inFiles: readonly string[]): string {
  const asked = options.projectName || project.environment.get("COMPOSE_PROJECT_NAME");
  if (asked) {
    if (normalizeProjectName(asked) === asked) return asked;
    throw invalidArgument(
      `invalid project name ${JSON.stringify(asked)}: must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`,
    );
  }
  const written = inFiles.filter((name) => name !== "").at(-1);
  const name = normalizeProjectName(written ?? folderName(project.folder, options.warn));
  if (name === "") throw invalidArgument("project name must not be empty");
  return name;
}

function folderName(folder: string, warn?: Warn): string {
  const name = basename(folder);
  if (isAbsolute(folder) && fileExists(folder) && basename(realpathSync(folder)) !== name) {
    warn?.(`project has been loaded without an explicit name from a symlink. Using name ${JSON.stringify(name)}`);
  }
  return name;
}
