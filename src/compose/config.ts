/** What `config` prints: the project itself, or one thing about it. */
import { serviceHash } from "./hash.ts";
import { variablesOf } from "./interpolation/variables.ts";
import { loadModel, loadProject } from "./load.ts";
import type { LoadOptions } from "./load-options.ts";
import { checkContainerNames } from "./loader/container-names.ts";
import { mapValues } from "./loader/decode.ts";
import type { Project } from "./model/project.ts";
import type { Service } from "./model/service.ts";
import { modelText, projectText } from "./print/project-text.ts";
import type { Format } from "./schema/type.ts";

export type ConfigOptions = Pick<
  LoadOptions,
  "interpolate" | "normalize" | "resolvePaths" | "resolveEnvironment" | "consistency"
> & {
  readonly format: Format;
  /** Answers the project with other images. */
  readonly images?: (project: Project) => Promise<Project>;
};

/** The whole project; dollars are doubled, so that the text is a Compose file again. */
export async function configText(options: LoadOptions & ConfigOptions): Promise<string> {
  if (options.interpolate === false) {
    const { root } = await loadModel(options);
    return modelText(root, options.format);
  }
  const project = withoutLabelFiles(await loadProject(options));
  if (options.consistency !== false) checkContainerNames(project);
  const shown = options.images ? await options.images(project) : project;
  return projectText(shown, options.format).replaceAll("$", "$$$$");
}

/** Labels of files are among the labels here, and the files are left out; what `up` hashes has both. */
export function withoutLabelFiles(project: Project): Project {
  return { ...project, services: mapValues(project.services, ({ label_file: _, ...service }): Service => service) };
}

export const queries = [
  "services",
  "images",
  "volumes",
  "networks",
  "models",
  "profiles",
  "variables",
  "environment",
] as const;
export type Query = (typeof queries)[number];

/** One thing a line. */
export async function configQuery(query: Query, options: LoadOptions): Promise<string> {
  if (query === "variables") return variablesTable(options);
  const project = await loadProject({ ...options, resolveEnvironment: false });
  return answers[query](project)
    .map((line) => `${line}\n`)
    .join("");
}

const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

const answers: Readonly<Record<Exclude<Query, "variables">, (project: Project) => string[]>> = {
  services: (project) => dependenciesFirst(project),
  images: (project) =>
    Object.keys(project.services)
      .sort()
      .map((name) => imageOf(project.services[name]!, project.name)),
  volumes: (project) => sorted(Object.keys(project.volumes)),
  networks: (project) => sorted(Object.keys(project.networks)),
  models: (project) => sorted(Object.values(project.models).flatMap((model) => (model.model ? [model.model] : []))),
  profiles: (project) =>
    sorted(Object.values({ ...project.services, ...project.disabledServices }).flatMap((one) => one.profiles ?? [])),
  environment: (project) =>
    Object.entries(project.environment)
      .map(([name, value]) => `${name}=${value}`)
      .sort(),
};

/** The image that a service has, or that its build will be called. */
export function imageOf(service: Service, projectName: string): string {
  return service.image ?? `${projectName}-${service.name}`;
}

function dependenciesFirst(project: Project): string[] {
  const done = new Set<string>();
  const visit = (name: string): void => {
    if (done.has(name) || !Object.hasOwn(project.services, name)) return;
    for (const next of Object.keys(project.services[name]!.depends_on ?? {}).sort()) visit(next);
    done.add(name);
  };
  for (const name of Object.keys(project.services).sort()) visit(name);
  return [...done];
}

async function variablesTable(options: LoadOptions): Promise<string> {
  const { root } = await loadModel({ ...options, interpolate: false });
  const rows = [...variablesOf(root).values()].map((one) => [
    one.name,
    String(one.required),
    one.defaultValue,
    one.alternate,
  ]);
  return columns([["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"], ...rows]);
}

/** As Docker's tables: three spaces between columns, which are twenty wide or more. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(20, ...rows.map((row) => row[i]!.length + 3)));
  return rows
    .map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join("")}\n`)
    .join("");
}

/** `SERVICE HASH` lines of these services, of all when there are none. */
export function hashLines(project: Project, names: readonly string[]): string {
  const { services } = withoutLabelFiles(project);
  const wanted = names.length === 0 ? Object.keys(services) : names;
  return [...wanted]
    .sort()
    .map((name) => `${name} ${serviceHash(services[name]!)}\n`)
    .join("");
}
