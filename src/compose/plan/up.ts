/** `up` and `create`: from what is there to what the file says, touching only what differs. */
import { imageOf } from "../create/container-body.ts";
import { References, referencedServices, type Target } from "../create/references.ts";
import type { ConfigHashes } from "../hashes.ts";
import type { Project } from "../model/project.ts";
import { type Service, scaleOf } from "../model/service.ts";
import type { Observed, ObservedContainer } from "../observe.ts";
import { jobsOf } from "../schedule.ts";
import { type Difference, differenceOf } from "./difference.ts";
import { planNetworks } from "./networks.ts";
import { type Plan, PlanBuilder } from "./operation.ts";
import { dependentsOf, inOrder } from "./order.ts";
import { planOrphans } from "./orphans.ts";
import { canStartFirst, replaceContainer } from "./replace.ts";
import { awaitDependencies, isRunning, planStart } from "./start.ts";
import { planVolumes } from "./volumes.ts";

export type RecreatePolicy = "diverged" | "force" | "never";

export interface UpOptions {
  /** The services that were named; empty for all. The others of the project are there as dependencies. */
  readonly services: readonly string[];
  readonly recreate: RecreatePolicy;
  /** For dependencies. */
  readonly recreateDependencies: RecreatePolicy;
  readonly renewVolumes: boolean;
  /** The keys of volumes that are made anew: they have changed, and their owner gives their data up. */
  readonly recreateVolumes?: ReadonlySet<string>;
  readonly removeOrphans: boolean;
  readonly ignoreOrphans: boolean;
  readonly scale: ReadonlyMap<string, number>;
  /** False for `create` and `--no-start`. */
  readonly start: boolean;
  /** A service none of whose containers is touched: `run` makes one of its own. */
  readonly leaveOut?: string;
  /** Ends only once every container runs, or is healthy where it has a check. */
  readonly wait?: boolean;
  /** Seconds to wait for a stop; absent for the containers' own. */
  readonly timeout?: number;
}

/** What the planner knows of each service while it goes through them. */
export interface UpContext {
  readonly plan: PlanBuilder;
  readonly project: Project;
  readonly observed: Observed;
  readonly options: UpOptions;
  /** Containers of services that stay as they are. */
  readonly kept: Map<string, Target[]>;
  /** Operations that a container's creation has to wait for, by service. */
  readonly made: Map<string, string[]>;
  /** The names that each service's containers have in the end. */
  readonly names: Map<string, string[]>;
  /** Services whose containers go first, since a volume of theirs is made anew. */
  readonly cleared: ReadonlySet<string>;
  readonly stop: (container: ObservedContainer, cause: string, after?: readonly string[], silent?: boolean) => string;
}

/** `images` gives the id of each image by its name. Throws in Compose's words for what cannot be. */
export function planUp(
  project: Project,
  observed: Observed,
  images: ReadonlyMap<string, string>,
  hashes: ConfigHashes,
  options: UpOptions,
): Plan {
  const plan = new PlanBuilder();
  const { timeout } = options;
  const stop: UpContext["stop"] = (container, cause, after = [], silent = false) =>
    isRunning(container)
      ? plan.add(
          `stop ${container.name}`,
          { kind: "stopContainer", container, silent, ...(timeout !== undefined && { timeout }) },
          cause,
          after,
        )
      : "";
  planOrphans({ plan, project, observed, options, stop });
  const changing = planNetworks(plan, project, observed, hashes, stop);
  const recreate = options.recreateVolumes ?? new Set();
  const cleared = planVolumes(plan, { project, observed, recreate, stop });
  const context: UpContext = {
    plan,
    project,
    observed: { ...observed, containers: observed.containers.filter((each) => !cleared.has(each)) },
    options,
    stop,
    kept: new Map(),
    made: new Map(),
    names: new Map(),
    cleared: new Set([...cleared].map(({ service }) => service)),
  };
  const services = inOrder(project.services);
  // What another program provides has no containers.
  const planned = services.filter(({ name, provider }) => name !== options.leaveOut && !provider);
  for (const service of planned) planService(context, service, { images, hashes, changing });
  if (options.start) for (const service of planned) planStart(context, service);
  const left = project.services[options.leaveOut ?? ""];
  if (left) awaitDependencies(context, left);
  if (options.start && options.wait) planWaits(context);
  planKept(context);
  return plan.build();
}

/** Tells of the running containers that nothing is done to. */
function planKept({ plan, observed, names }: UpContext): void {
  for (const name of [...names.values()].flat()) {
    const found = observed.containers.find((container) => container.name === name && !container.oneoff);
    if (found && isRunning(found) && !plan.has(`create ${name}`) && !plan.has(`stop ${name}`))
      plan.add(`keep ${name}`, { kind: "keep", name }, "as it should be");
  }
}

function planWaits({ plan, project, names }: UpContext): void {
  const jobs = jobsOf(project);
  for (const [service, containers] of names) {
    if (jobs.includes(service)) continue;
    for (const name of containers) {
      const action = {
        kind: "awaitService",
        service,
        condition: "running_or_healthy",
        names: [name],
        required: true,
      } as const;
      plan.add(`wait ${name}`, action, "--wait", [`start ${name}`, `rename ${name}`]);
    }
  }
}

interface Facts {
  readonly images: ReadonlyMap<string, string>;
  readonly hashes: ConfigHashes;
  /** Names of networks that this plan makes anew. */
  readonly changing: ReadonlySet<string>;
}

function planService(context: UpContext, service: Service, facts: Facts): void {
  const { project, observed, options, plan } = context;
  const wanted = options.scale.get(service.name) ?? scaleOf(service);
  if (service.container_name && wanted > 1) throw new Error(cannotScale(service));
  const mine = observed.containers.filter((each) => each.service === service.name && !each.oneoff);
  const moved = referencedServices(service).find((name) => !context.kept.has(name) && project.services[name]);
  const policy = options.services.length === 0 || options.services.includes(service.name);
  const difference = (container: ObservedContainer): Difference | null =>
    differenceOf(container, {
      project,
      service,
      observed,
      policy: policy ? options.recreate : options.recreateDependencies,
      hash: () => (moved ? null : facts.hashes.service(new References(context.kept).resolved(service))),
      imageId: facts.images.get(imageOf(project, service)) ?? "",
      changing: facts.changing,
      moved,
    });
  // Those that are to be replaced go first when there are too many.
  const rated = mine
    .map((container) => ({ container, difference: difference(container) }))
    .sort(
      (a, b) =>
        Number(a.difference !== null) - Number(b.difference !== null) || a.container.number - b.container.number,
    );
  const before = creationNeeds(context, service);
  const kept: Target[] = [];
  const made: string[] = [];
  const names: string[] = [];
  for (const [at, { container, difference: cause }] of rated.entries()) {
    if (at >= wanted) {
      const stopped = context.stop(container, "scaled down");
      plan.add(`remove ${container.name}`, { kind: "removeContainer", container, volumes: false }, "scaled down", [
        stopped,
      ]);
      continue;
    }
    const name = cause === null ? container.name : nameOf(project, service, container.number);
    names.push(name);
    if (cause === null) {
      kept.push({ id: container.id, name: container.name, number: container.number });
      continue;
    }
    made.push(replaceContainer(context, service, container, name, cause.why, before, made));
  }
  let number = Math.max(0, ...mine.map((each) => each.number));
  for (let count = rated.length; count < wanted; count++) {
    number++;
    const name = nameOf(project, service, number);
    names.push(name);
    const action = { kind: "createContainer", service: service.name, number, name } as const;
    made.push(plan.add(`create ${name}`, action, "absent", [...before, `remove ${name}`]));
  }
  if (made.length === 0) context.kept.set(service.name, kept);
  context.made.set(service.name, made);
  context.names.set(service.name, names);
  const replaced = rated.some(({ difference: cause }, at) => cause !== null && at < wanted);
  if ((replaced && !canStartFirst(context, service)) || context.cleared.has(service.name)) {
    stopDependents(context, service);
  }
}

/** Those that asked to be restarted with this service stop before its containers are replaced. */
function stopDependents(context: UpContext, service: Service): void {
  const { project, observed } = context;
  for (const dependent of dependentsOf(project.services, service.name)) {
    if (!dependent.depends_on?.[service.name]?.restart) continue;
    for (const container of observed.containers) {
      if (container.service === dependent.name && !container.oneoff)
        context.stop(container, `${service.name} restarts`);
    }
  }
}

/** What must be there before a container of the service can be created. */
function creationNeeds(context: UpContext, service: Service): string[] {
  const { project, made } = context;
  const networks = Object.keys(service.networks ?? {}).map((key) => `network ${project.networks[key]?.name ?? key}`);
  const volumes = (service.volumes ?? []).flatMap(({ type, source }) =>
    type === "volume" && source ? [`volume ${project.volumes[source]?.name ?? source}`] : [],
  );
  const links = (service.links ?? []).map((link) => link.split(":")[0] ?? "");
  const others = [...referencedServices(service), ...links].flatMap((name) => made.get(name) ?? []);
  return [...networks, ...volumes, ...others];
}

export function nameOf(project: Project, service: Service, number: number): string {
  return service.container_name || `${project.name}-${service.name}-${number}`;
}

function cannotScale({ name, container_name }: Service): string {
  return `WARNING: The ${JSON.stringify(name)} service is using the custom container name ${JSON.stringify(container_name)}. Docker requires each container to have a unique name. Remove the custom name to scale the service`;
}
