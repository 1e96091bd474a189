/** `down`: containers in reverse order of their dependencies, then networks, and what else was asked for. */
import { imageOf } from "../create/container-body.ts";
import { labels } from "../labels.ts";
import type { Project } from "../model/project.ts";
import type { Observed, ObservedContainer } from "../observe.ts";
import { type Plan, PlanBuilder } from "./operation.ts";
import { orphansOf, orphanWarning } from "./orphans.ts";
import { isRunning } from "./start.ts";

export interface DownOptions {
  /** Only these; then networks and the rest stay. Empty for the whole project. */
  readonly services: readonly string[];
  /** Containers of `run` count as such. */
  readonly removeOrphans: boolean;
  readonly ignoreOrphans: boolean;
  /** Named volumes of the file, and the containers' anonymous ones. */
  readonly volumes: boolean;
  /** `local`: those without a name of their own in the file. */
  readonly images: "" | "local" | "all";
  readonly timeout?: number;
}

export function planDown(project: Project, observed: Observed, options: DownOptions): Plan {
  const plan = new PlanBuilder();
  const orphans = orphansOf(project, observed);
  const isOrphan = new Set(orphans.map(({ id }) => id));
  const chosen = observed.containers.filter(
    ({ id, service, oneoff }) =>
      (options.services.length === 0 || options.services.includes(service)) &&
      (options.removeOrphans || !(isOrphan.has(id) || oneoff)),
  );
  if (!options.removeOrphans && !options.ignoreOrphans && orphans.length > 0 && options.services.length === 0)
    plan.warnings.push(orphanWarning(orphans));
  const removals = planRemovals(plan, project, chosen, { ...options, cause: "down" });
  if (options.services.length > 0) return plan.build();
  for (const { name, external } of Object.values(project.networks)) {
    if (!external && observed.networks.get(name)?.Labels?.[labels.project] === project.name)
      plan.add(`network ${name}`, { kind: "removeNetwork", network: name }, "down", removals);
  }
  if (options.volumes) {
    for (const { name, external } of Object.values(project.volumes)) {
      if (!external && observed.volumes.has(name))
        plan.add(`volume ${name}`, { kind: "removeVolume", volume: name }, "--volumes", removals);
    }
  }
  if (options.images !== "") {
    for (const image of imagesToRemove(project, options.images))
      plan.add(`image ${image}`, { kind: "removeImage", image }, `--rmi ${options.images}`, removals);
  }
  return plan.build();
}

function imagesToRemove(project: Project, which: "local" | "all"): Set<string> {
  const services = Object.values(project.services).filter(
    ({ image, provider }) => !provider && (which === "all" || !image),
  );
  return new Set(services.map((service) => imageOf(project, service)));
}

export interface RemovalOptions {
  readonly timeout?: number;
  readonly volumes: boolean;
  readonly cause: string;
}

/** Stops and removes containers, those that depend on others first; answers the ids of the last operations. */
export function planRemovals(
  plan: PlanBuilder,
  project: Project,
  containers: readonly ObservedContainer[],
  { timeout, volumes, cause }: RemovalOptions,
): string[] {
  return containers.map((container) => {
    const before = dependentContainers(project, containers, container).map(({ name }) => `remove ${name}`);
    const stopped = isRunning(container)
      ? plan.add(
          `stop ${container.name}`,
          { kind: "stopContainer", container, ...(timeout !== undefined && { timeout }) },
          cause,
          before,
        )
      : "";
    const action = { kind: "removeContainer", container, volumes } as const;
    return plan.add(`remove ${container.name}`, action, cause, [stopped, ...before]);
  });
}

/** Those among `containers` whose service depends on this one's, as the file or their own labels say. */
export function dependentContainers(
  project: Project,
  containers: readonly ObservedContainer[],
  { service }: ObservedContainer,
): ObservedContainer[] {
  return containers.filter((other) => other.service !== service && dependenciesOf(project, other).includes(service));
}

function dependenciesOf(project: Project, container: ObservedContainer): string[] {
  const service = project.services[container.service];
  if (service) return Object.keys(service.depends_on ?? {});
  const label = container.labels[labels.dependsOn] ?? "";
  return label === "" ? [] : label.split(",").map((entry) => entry.split(":")[0] ?? "");
}
