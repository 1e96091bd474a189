/** Compose files -> one project. */
import { invalidArgument } from "../lib/errors.ts";
import { interpolatedName } from "./interpolation/interpolate.ts";
import type { LoadOptions } from "./load-options.ts";
import { checkConsistency } from "./loader/consistency.ts";
import { decode, mapValues } from "./loader/decode.ts";
import { findProject, type ProjectFiles, projectName } from "./loader/environment.ts";
import { ModelLoader } from "./loader/model.ts";
import { normalize } from "./loader/normalize.ts";
import { RemoteFiles } from "./loader/remote.ts";
import { withoutUnusedResources, withProfiles, withSelectedServices, withServicesEnabled } from "./loader/select.ts";
import { resolveServiceEnvironment, resolveServiceLabels } from "./loader/service-files.ts";
import type { Project } from "./model/project.ts";
import type { Service } from "./model/service.ts";
import { type Mapping, scalar, textOf } from "./yaml/node.ts";

interface Loaded {
  readonly root: Mapping;
  readonly name: string;
  readonly found: ProjectFiles;
  readonly loader: ModelLoader;
}

/**
 * Finds, reads, merges and checks the Compose files. Everything that is wrong in them is found together and thrown as one
 * `ComposeError` (kind `invalidArgument`), each with file, line, column and path. Throws `notFound` when there is no file,
 * or no service of a name that was asked for.
 */
export async function loadProject(options: LoadOptions): Promise<Project> {
  const { root, name, found, loader } = await load(options);
  const warn = once(options.warn);
  const decoded = decode(root, loader.problems, warn);
  const everything: Project = {
    name,
    ...decoded,
    workingDir: found.workingDir,
    composeFiles: found.files,
    environment: Object.fromEntries(found.environment),
    disabledServices: {},
    profiles: [],
  };
  const project = withProfiles(everything, found.profiles);
  if (options.consistency !== false) {
    checkConsistency({ project, root, problems: loader.problems, dropped: loader.dropped });
  }
  loader.problems.throwIfAny();
  const agreed =
    options.consistency === false ? project : { ...project, services: mapValues(project.services, withOneScale) };
  return selected(resolved(agreed, options, warn), options);
}

/** The merged files in long forms, as a tree: what `config --no-interpolate` prints. */
export async function loadModel(options: LoadOptions): Promise<{ readonly root: Mapping; readonly name: string }> {
  const { root, name, loader } = await load(options);
  loader.problems.throwIfAny();
  return { root, name };
}

async function load(options: LoadOptions): Promise<Loaded> {
  const remote = new RemoteFiles(options.fetchRemote);
  const warn = once(options.warn);
  const readStdin = onceRead(options.readStdin);
  for (;;) {
    const attempt = loadWithout({ ...options, warn, ...(readStdin && { readStdin }) }, remote);
    const outcome = await attempt.then(
      (loaded) => ({ loaded }),
      (failure: unknown) => ({ failure }),
    );
    // What is wrong for want of a file is not told: it may be right with it.
    if (await remote.fetchLacking()) continue;
    if ("failure" in outcome) throw outcome.failure;
    return outcome.loaded;
  }
}

/** Loads what can be loaded with the files that are here; `remote` knows then what was lacking. */
async function loadWithout(options: LoadOptions, remote: RemoteFiles): Promise<Loaded> {
  const { warn = () => {} } = options;
  const found = findProject(options, remote);
  const isInterpolated = options.interpolate !== false;
  const stdin = found.files.includes("-") ? await options.readStdin?.() : undefined;
  const loader = new ModelLoader({
    remote,
    interpolate: isInterpolated,
    resolvePaths: options.resolvePaths !== false,
    warn,
    ...(stdin !== undefined && { stdin }),
  });
  const name = projectName(options, found, namesInFiles(loader, found, isInterpolated));
  found.environment.set("COMPOSE_PROJECT_NAME", name);
  // A model that keeps its variables is not read with those of this machine.
  const environment = isInterpolated ? found.environment : new Map([["COMPOSE_PROJECT_NAME", name]]);
  const root = loader.load({ ...found, environment });
  if (root.entries.size === 0) {
    loader.problems.throwIfAny();
    throw invalidArgument("empty compose file");
  }
  if (options.normalize !== false) {
    root.entries.set("name", scalar(name, root.at));
    normalize(root, name, environment);
  }
  return { root, name, found, loader };
}

function namesInFiles(loader: ModelLoader, found: ProjectFiles, isInterpolated: boolean): string[] {
  return found.files.flatMap((file) =>
    loader.lookAhead(file).map(({ root }) => {
      if (isInterpolated) return interpolatedName(root, (name) => found.environment.get(name));
      return (root.kind === "mapping" && textOf(root.entries.get("name"))) || "";
    }),
  );
}

/** With environments and labels from files, where they are wanted. */
function resolved(project: Project, options: LoadOptions, warn: (message: string) => void): Project {
  const at = { environment: project.environment, workingDir: project.workingDir, warn };
  const labelled = mapValues(project.services, (service) => resolveServiceLabels(service, at));
  if (options.resolveEnvironment === false) return { ...project, services: labelled };
  return { ...project, services: mapValues(labelled, (service) => resolveServiceEnvironment(service, at)) };
}

function selected(project: Project, options: LoadOptions): Project {
  const names = options.services ?? [];
  const enabled = withServicesEnabled(project, names);
  const chosen = withSelectedServices(enabled, names, { withDependencies: !options.withoutDependencies });
  return options.allResources ? chosen : withoutUnusedResources(chosen);
}

/** `scale` is said under `deploy` too, where there is one. */
function withOneScale(service: Service): Service {
  if (service.scale === undefined || !service.deploy) return service;
  return { ...service, deploy: { ...service.deploy, replicas: service.scale } };
}

/** Standard input is there to be read once. */
function onceRead(read: LoadOptions["readStdin"]): LoadOptions["readStdin"] {
  let text: Promise<string> | undefined;
  return read && (() => (text ??= read()));
}

/** The same warning is given once. */
function once(warn: ((message: string) => void) | undefined): (message: string) => void {
  const seen = new Set<string>();
  return (message) => {
    if (seen.has(message)) return;
    seen.add(message);
    warn?.(message);
  };
}
