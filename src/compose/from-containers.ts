/** A project as its containers tell it, where no file is at hand: enough to stop, list and remove it. */
import { labels } from "./labels.ts";
import type { DependsOn } from "./model/lifecycle.ts";
import type { Project } from "./model/project.ts";
import type { Service } from "./model/service.ts";
import type { Observed, ObservedContainer } from "./observe.ts";

export function projectFromContainers(name: string, { containers, networks, volumes }: Observed): Project {
  const services: Record<string, Service> = {};
  for (const container of containers) if (!container.oneoff) services[container.service] ??= serviceFrom(container);
  // A dependency that has no container is no service here.
  for (const [key, service] of Object.entries(services)) {
    const known = Object.entries(service.depends_on ?? {}).filter(([other]) => services[other]);
    services[key] = { ...service, depends_on: Object.fromEntries(known) };
  }
  const [first] = containers;
  return {
    name,
    services,
    networks: ownedBy(name, networks.values(), labels.network),
    volumes: ownedBy(name, volumes.values(), labels.volume),
    secrets: {},
    configs: {},
    models: {},
    workingDir: first?.labels[labels.workingDir] ?? "",
    composeFiles: (first?.labels[labels.configFiles] ?? "").split(",").filter(Boolean),
    environment: {},
    disabledServices: {},
    profiles: [],
  };
}

function ownedBy(
  project: string,
  things: Iterable<{ readonly Name: string; readonly Labels: Record<string, string> | null }>,
  keyLabel: string,
): Record<string, { readonly name: string }> {
  const owned = [...things].filter(({ Labels }) => Labels?.[labels.project] === project);
  return Object.fromEntries(owned.map(({ Name, Labels }) => [Labels?.[keyLabel] ?? Name, { name: Name }]));
}

function serviceFrom({ service, summary, labels: given }: ObservedContainer): Service {
  const entries = (given[labels.dependsOn] ?? "").split(",").filter(Boolean);
  return {
    name: service,
    image: summary.Image,
    command: null,
    entrypoint: null,
    depends_on: Object.fromEntries(entries.map(dependencyFrom)),
  };
}

function dependencyFrom(text: string): [string, DependsOn] {
  const [name = "", condition = "service_started", restart = "false"] = text.split(":");
  return [name, { condition: condition as DependsOn["condition"], restart: restart === "true", required: true }];
}
