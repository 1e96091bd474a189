/** Which services of a project are meant, and what else of it they need. */
import { notFound } from "../../lib/errors.ts";
import type { Named, Project } from "../model/project.ts";
import type { Service } from "../model/service.ts";

function hasProfile(service: Service, profiles: readonly string[]): boolean {
  const own = service.profiles ?? [];
  return own.length === 0 || profiles.includes("*") || own.some((one) => profiles.includes(one));
}

export function withProfiles(project: Project, profiles: readonly string[]): Project {
  const all = Object.entries({ ...project.services, ...project.disabledServices });
  const [on, off] = [true, false].map((wanted) => all.filter(([, one]) => hasProfile(one, profiles) === wanted));
  return { ...project, services: Object.fromEntries(on!), disabledServices: Object.fromEntries(off!), profiles };
}

/** A service that is asked for by name is on, with all that have its profiles. */
export function withServicesEnabled(project: Project, names: readonly string[]): Project {
  const more = names.flatMap((name) =>
    Object.hasOwn(project.services, name) ? [] : (project.disabledServices[name]?.profiles ?? []),
  );
  return more.length === 0 ? project : withProfiles(project, [...project.profiles, ...more]);
}

/** Only `names` (all when there are none) and, unless told otherwise, what they depend on. Throws `notFound`. */
export function withSelectedServices(
  project: Project,
  names: readonly string[],
  { withDependencies = true } = {},
): Project {
  if (names.length === 0) return project;
  const wanted = new Set<string>();
  const add = (name: string, isRequired: boolean): void => {
    if (wanted.has(name)) return;
    const service = Object.hasOwn(project.services, name) ? project.services[name] : undefined;
    if (service === undefined) {
      if (isRequired) throw notFound(`no such service: ${name}`);
      return;
    }
    wanted.add(name);
    if (!withDependencies) return;
    for (const [next, { required }] of Object.entries(service.depends_on ?? {})) add(next, required);
  };
  for (const name of names) add(name, true);
  const chosen = Object.entries(project.services).filter(([name]) => wanted.has(name));
  const rest = Object.entries(project.services).filter(([name]) => !wanted.has(name));
  return {
    ...project,
    services: Object.fromEntries(chosen.map(([name, service]) => [name, onlyDependenciesOn(service, wanted)])),
    disabledServices: { ...project.disabledServices, ...Object.fromEntries(rest) },
  };
}

function onlyDependenciesOn(service: Service, wanted: ReadonlySet<string>): Service {
  const { depends_on, ...rest } = service;
  if (depends_on === undefined) return service;
  const kept = Object.entries(depends_on).filter(([name]) => wanted.has(name));
  return kept.length === 0 ? rest : { ...rest, depends_on: Object.fromEntries(kept) };
}

/** Without the networks, volumes and so on that no service uses. */
export function withoutUnusedResources(project: Project): Project {
  const services = Object.values(project.services);
  const keep = <T>(all: Named<T>, used: readonly string[]): Named<T> =>
    Object.fromEntries(Object.entries(all).filter(([name]) => used.includes(name)));
  return {
    ...project,
    networks: keep(
      project.networks,
      services.flatMap((one) => Object.keys(one.networks ?? {})),
    ),
    volumes: keep(
      project.volumes,
      services.flatMap((one) =>
        (one.volumes ?? []).flatMap(({ type, source }) => (type === "volume" && source ? [source] : [])),
      ),
    ),
    secrets: keep(
      project.secrets,
      services.flatMap((one) => [...(one.secrets ?? []), ...(one.build?.secrets ?? [])].map(({ source }) => source)),
    ),
    configs: keep(
      project.configs,
      services.flatMap((one) => (one.configs ?? []).map(({ source }) => source)),
    ),
    models: keep(
      project.models,
      services.flatMap((one) => Object.keys(one.models ?? {})),
    ),
  };
}
