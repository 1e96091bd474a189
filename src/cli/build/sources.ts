/** Where the files of a build come from: directories that the builder is shown, streams that it fetches, URLs. */
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, relative, resolve, sep } from "node:path";
import type { BlobStores } from "../../client/session/content.ts";
import { readDirectory } from "../../client/session/directory-source.ts";
import { findInLayout } from "../../client/session/layout-index.ts";
import { type FileSource, memorySource } from "../../client/session/send-files.ts";
import { everything } from "../../client/session/walk.ts";
import { messageOf } from "../../lib/errors.ts";
import { ExitError } from "../command.ts";
import type { BuildSettings } from "./settings.ts";
import { readStdin } from "./stdin.ts";

export interface BuildSources {
  /** What the frontend is told of them. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string | FileSource>>;
  readonly uploads: Readonly<Record<string, AsyncIterable<Uint8Array>>>;
  /** OCI layouts among the contexts. */
  readonly stores: BlobStores;
  /** The main directory, where it is one: what the builder keeps of it is found again by it. */
  readonly directory: string;
}

/** A URL, or a path that git would take for one. */
export const isRemote = (context: string): boolean => /^(https?|git|ssh):\/\/|^git@|^github\.com\//.test(context);

/** Exits in Docker's words for what is not there. */
export async function buildSources(settings: BuildSettings): Promise<BuildSources> {
  const main = await mainSources(settings);
  const attributes: Record<string, string> = { ...main.attributes };
  const files: Record<string, string | FileSource> = { ...main.files };
  const stores: Record<string, BlobStores[string]> = {};
  for (const [name, where] of Object.entries(settings.contexts)) {
    const layout = layoutOf(where);
    if (layout !== null) {
      const store = `layout${Object.keys(stores).length}`;
      stores[`oci:${store}`] = { path: layout.path, isWritable: false };
      attributes[`context:${name}`] = `oci-layout://${store}@${layout.digest || (await layoutDigest(name, layout))}`;
      continue;
    }
    if (isElsewhere(where)) {
      attributes[`context:${name}`] = where;
      continue;
    }
    if (where.startsWith("target:"))
      throw new ExitError(
        1,
        `failed to get build context ${name}: ${where} is a target of a bake file, which only bake builds`,
      );
    const stat = statSync(where, { throwIfNoEntry: false });
    if (!stat) throw new ExitError(1, `failed to get build context ${name}: stat ${where}: no such file or directory`);
    if (!stat.isDirectory()) throw new ExitError(1, `failed to get build context ${name}: ${where} is no directory`);
    files[name] = resolve(where);
    attributes[`context:${name}`] = `local:${name}`;
  }
  return { ...main, attributes, files, stores };
}

/** What the builder gets by itself. */
const isElsewhere = (where: string): boolean => isRemote(where) || where.startsWith("docker-image://");

interface LayoutContext {
  readonly path: string;
  /** "" is `latest`, or the only one that there is. */
  readonly tag: string;
  /** "" where the tag decides. */
  readonly digest: string;
}

/** `oci-layout://PATH[:TAG][@DIGEST]`; null for a context of another kind. */
function layoutOf(where: string): LayoutContext | null {
  const [, rest = "", digest = ""] = /^oci-layout:\/\/([^@]*)(?:@(.*))?$/.exec(where) ?? [];
  if (rest === "") return null;
  const [, path = rest, tag = ""] = /^(.*):([^/:]*)$/.exec(rest) ?? [];
  return { path: resolve(path), tag, digest };
}

async function layoutDigest(name: string, { path, tag }: LayoutContext): Promise<string> {
  try {
    return await findInLayout(path, tag);
  } catch (error) {
    throw new ExitError(1, `failed to get build context ${name}: ${messageOf(error)}`);
  }
}

type MainSources = Omit<BuildSources, "stores">;

async function mainSources(settings: BuildSettings): Promise<MainSources> {
  const { context, dockerfile, inlineDockerfile } = settings;
  if (context === "-") return stdinSources(settings);
  if (isRemote(context)) return remoteSources(settings);
  const stat = statSync(context, { throwIfNoEntry: false });
  if (!stat?.isDirectory())
    throw new ExitError(1, `unable to prepare context: path ${JSON.stringify(context)} not found`);
  const directory = resolve(context);
  const inline = inlineDockerfile === null ? null : Buffer.from(inlineDockerfile);
  const given = inline ?? (dockerfile === "-" ? await readStdin().whole() : null);
  if (given)
    return { ...withDockerfile(given), files: { ...withDockerfile(given).files, context: directory }, directory };
  const file = dockerfile === "" ? defaultDockerfile(directory) : dockerfilePath(directory, dockerfile);
  return {
    attributes: { filename: basename(file) },
    files: { context: directory, dockerfile: dockerfileSource(directory, file) },
    uploads: {},
    directory,
  };
}

/** As it is named, seen from here or from the context. */
function dockerfilePath(directory: string, file: string): string {
  if (isAbsolute(file)) return file;
  const here = resolve(file);
  return statSync(here, { throwIfNoEntry: false }) ? here : resolve(directory, file);
}

function defaultDockerfile(directory: string): string {
  const upper = resolve(directory, "Dockerfile");
  const lower = resolve(directory, "dockerfile");
  return !statSync(upper, { throwIfNoEntry: false }) && statSync(lower, { throwIfNoEntry: false }) ? lower : upper;
}

/** The directory that a Dockerfile is in; a link to a file is shown as the file, wherever that is. */
function dockerfileSource(directory: string, file: string): string | FileSource {
  const path = relative(directory, file);
  const isInside = !path.startsWith(`..${sep}`) && path !== ".." && !isAbsolute(path);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat)
    throw new ExitError(1, `failed to read dockerfile: open ${isInside ? path : file}: no such file or directory`);
  if (stat.isDirectory()) throw new ExitError(1, `failed to read dockerfile: ${isInside ? path : file} is a directory`);
  if (stat.isFile()) return dirname(file);
  // A pipe, as `-f <(generate)` gives one.
  return memorySource({ [basename(file)]: readBytes(file) });
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ExitError(1, `failed to read dockerfile: ${messageOf(error)}`);
  }
}

const withDockerfile = (bytes: Uint8Array): MainSources => ({
  attributes: { filename: "Dockerfile" },
  files: { dockerfile: memorySource({ Dockerfile: bytes }), context: memorySource({}) },
  uploads: {},
  directory: "",
});

/** An archive is sent as it is; anything else is a Dockerfile that needs no files. */
async function stdinSources({ dockerfile, inlineDockerfile }: BuildSettings): Promise<MainSources> {
  if (dockerfile === "-")
    throw new ExitError(1, "invalid argument: can't use stdin for both build context and dockerfile");
  const input = readStdin();
  if (!(await input.isArchive())) {
    if (dockerfile !== "")
      throw new ExitError(1, "ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles");
    return withDockerfile(await input.whole());
  }
  const upload = {
    attributes: { context: "http://buildkit-session/context" },
    uploads: { context: input.rest() },
    directory: "",
  };
  if (inlineDockerfile !== null)
    return {
      ...overriding(Buffer.from(inlineDockerfile)),
      ...upload,
      attributes: { ...upload.attributes, ...overriding(Buffer.from(inlineDockerfile)).attributes },
    };
  return {
    ...upload,
    files: {},
    attributes: { ...upload.attributes, ...(dockerfile !== "" && { filename: dockerfile }) },
  };
}

/** A Dockerfile of ours for a context that the builder fetches. */
const overriding = (bytes: Uint8Array) => ({
  attributes: { filename: "Dockerfile", dockerfilekey: "dockerfile" },
  files: { dockerfile: memorySource({ Dockerfile: bytes }) },
});

async function remoteSources({ context, dockerfile, inlineDockerfile }: BuildSettings): Promise<MainSources> {
  const bytes =
    inlineDockerfile !== null ? Buffer.from(inlineDockerfile) : dockerfile === "-" ? await readStdin().whole() : null;
  const own = bytes === null ? null : overriding(bytes);
  return {
    attributes: { context, ...(own?.attributes ?? (dockerfile !== "" && { filename: dockerfile })) },
    files: own?.files ?? {},
    uploads: {},
    directory: "",
  };
}

/** For tests and measuring: a whole directory. */
export const wholeDirectory = (directory: string): FileSource => readDirectory(directory, everything);
