/** Plans of the commands that take containers as they are: stop, start, restart, kill, pause, unpause, rm. */
import type { ContainerStatus } from "../../api/containers.ts";
import type { Project } from "../model/project.ts";
import { scaleOf } from "../model/service.ts";
import type { ObservedContainer } from "../observe.ts";
import { dependentContainers, planRemovals } from "./down.ts";
import { type Action, type Plan, PlanBuilder, type WaitCondition } from "./operation.ts";
import { inOrder } from "./order.ts";
import { isRunning } from "./start.ts";

type Containers = readonly ObservedContainer[];

/** Dependents stop before what they depend on. */
export function planStop(project: Project, containers: Containers, timeout?: number): Plan {
  const plan = new PlanBuilder();
  for (const container of containers.filter(isRunning)) {
    const before = dependentContainers(project, containers, container).map(({ name }) => `stop ${name}`);
    plan.add(
      `stop ${container.name}`,
      { kind: "stopContainer", container, ...(timeout !== undefined && { timeout }) },
      "stop",
      before,
    );
  }
  return plan.build();
}

/** Starts what does not run, in the order of the dependencies. Throws when a dependency has no container. */
export function planStartExisting(project: Project, containers: Containers, services: readonly string[]): Plan {
  const plan = new PlanBuilder();
  for (const service of inOrder(project.services)) {
    const mine = containers.filter((container) => container.service === service.name && !container.oneoff);
    if ((services.length > 0 && !services.includes(service.name)) || service.provider) continue;
    if (mine.length === 0 && scaleOf(service) > 0)
      throw new Error(`service ${JSON.stringify(service.name)} has no container to start`);
    if (mine.every(isRunning)) continue;
    const before = awaitAll(plan, project, containers, service.name);
    for (const { name, state } of mine.filter((container) => !isRunning(container)))
      plan.add(`start ${name}`, { kind: "startContainer", service: service.name, name }, state, before);
  }
  return plan.build();
}

/** Operations after which what `service` depends on is as it wants it. */
function awaitAll(plan: PlanBuilder, project: Project, containers: Containers, service: string): string[] {
  return Object.entries(project.services[service]?.depends_on ?? {}).flatMap(([name, { condition, required }]) => {
    if (!project.services[name] || project.services[name].provider) return [];
    const mine = containers.filter((container) => container.service === name && !container.oneoff);
    if (mine.length === 0) {
      if (!required) return [];
      throw new Error(`${service} is missing dependency ${name}`);
    }
    const begun = mine.flatMap((container) => [`start ${container.name}`, `restart ${container.name}`]);
    if (condition === "service_started") return begun;
    const action = {
      kind: "awaitService",
      service: name,
      condition: condition as WaitCondition,
      names: mine.map((container) => container.name),
      required,
    } as const;
    return [plan.add(`await ${name} ${condition}`, action, `${service} depends on it`, begun)];
  });
}

export interface RestartOptions {
  readonly services: readonly string[];
  /** False leaves those alone that asked to be restarted with another (`depends_on: restart: true`). */
  readonly dependents: boolean;
  readonly timeout?: number;
}

export function planRestart(project: Project, containers: Containers, options: RestartOptions): Plan {
  const plan = new PlanBuilder();
  const { timeout } = options;
  const chosen = new Set(options.services.length > 0 ? options.services : Object.keys(project.services));
  for (const { name, depends_on = {} } of inOrder(project.services)) {
    const follows = Object.entries(depends_on).some(([other, { restart }]) => restart && chosen.has(other));
    if (follows && options.dependents) chosen.add(name);
    if (!chosen.has(name)) continue;
    const before = awaitAll(plan, project, containers, name);
    for (const container of containers.filter(({ service, oneoff }) => service === name && !oneoff)) {
      const action = { kind: "restartContainer", container, ...(timeout !== undefined && { timeout }) } as const;
      plan.add(`restart ${container.name}`, action, "restart", before);
    }
  }
  return plan.build();
}

/** One call for each of the containers that it makes sense for. */
function planEach(containers: Containers, verb: string, action: (container: ObservedContainer) => Action): Plan {
  const plan = new PlanBuilder();
  for (const container of containers) plan.add(`${verb} ${container.name}`, action(container), verb);
  return plan.build();
}

export const planKill = (containers: Containers, signal: string): Plan =>
  planEach(containers.filter(isRunning), "kill", (container) => ({ kind: "killContainer", container, signal }));

/** Those that are in the state; where none is, the daemon may say so of each. */
function inStateOrAll(containers: Containers, wanted: ContainerStatus): Containers {
  const found = containers.filter(({ state }) => state === wanted);
  return found.length > 0 ? found : containers.filter(isRunning);
}

export const planPause = (containers: Containers): Plan =>
  planEach(inStateOrAll(containers, "running"), "pause", (container) => ({ kind: "pauseContainer", container }));

export const planUnpause = (containers: Containers): Plan =>
  planEach(inStateOrAll(containers, "paused"), "unpause", (container) => ({ kind: "unpauseContainer", container }));

/** Removes what does not run; with `stop`, what runs too. */
export function planRemove(
  project: Project,
  containers: Containers,
  options: { readonly stop: boolean; readonly volumes: boolean },
): Plan {
  const plan = new PlanBuilder();
  const chosen = containers.filter((container) => options.stop || !isRunning(container));
  planRemovals(plan, project, chosen, { volumes: options.volumes, cause: "rm" });
  return plan.build();
}
