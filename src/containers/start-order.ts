/**
 * The order in which a Compose project's containers start when the engine does, read from the labels that Compose
 * writes. Anybody may set these labels: what makes no sense in them counts for nothing.
 */

const projectLabel = "com.docker.compose.project";
const serviceLabel = "com.docker.compose.service";
const dependsOnLabel = "com.docker.compose.depends_on";
const oneOffLabel = "com.docker.compose.oneoff";

const conditions = ["service_started", "service_healthy", "service_completed_successfully"] as const;

export type StartCondition = (typeof conditions)[number];

export interface Labelled {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a container waits for: that the condition holds for each of these. */
export interface Awaited {
  readonly condition: StartCondition;
  readonly ids: readonly string[];
}

/** Entries of `db:service_healthy:true,cache:service_started:false`, by service; a bare name asks for a start. */
export function parseDependsOn(label: string): Map<string, StartCondition> {
  const found = new Map<string, StartCondition>();
  for (const entry of label.split(",")) {
    const [name = "", text = "service_started"] = entry.split(":");
    const condition = conditions.find((each) => each === text);
    if (name !== "" && condition) found.set(name, condition);
  }
  return found;
}

/**
 * The containers by id, in the order of their starts, each with what it waits for. Those that wait for nothing are first
 * and otherwise keep the order given. A dependency that is part of a cycle, or hangs on one, is dropped.
 */
export function startOrder(containers: readonly Labelled[]): Map<string, readonly Awaited[]> {
  const services = gatherServices(containers);
  const free = withoutCycles(services);
  const ordered = new Map<string, readonly Awaited[]>();
  const put = ({ id, labels }: Labelled, dependencies: ReadonlyMap<string, StartCondition>): void => {
    const project = labels[projectLabel] ?? "";
    const awaited = [...dependencies].flatMap(([name, condition]) => {
      const ids = services.get(keyOf(project, name))?.members ?? [];
      return ids.length > 0 ? [{ condition, ids: ids.map((member) => member.id) }] : [];
    });
    ordered.set(id, awaited);
  };
  const inService = new Set([...services.values()].flatMap(({ members }) => members));
  for (const container of containers) if (!inService.has(container)) put(container, new Map());
  for (const service of free) for (const member of service.members) put(member, service.dependsOn);
  for (const { members } of services.values()) {
    for (const member of members) if (!ordered.has(member.id)) put(member, new Map());
  }
  return ordered;
}

interface ServiceNode {
  readonly project: string;
  readonly members: Labelled[];
  /** Over all its containers. */
  readonly dependsOn: Map<string, StartCondition>;
}

/** No name of a project or service has a line break in it that would count. */
const keyOf = (project: string, service: string): string => `${project}\n${service}`;

function gatherServices(containers: readonly Labelled[]): Map<string, ServiceNode> {
  const services = new Map<string, ServiceNode>();
  for (const container of containers) {
    const { [projectLabel]: project, [serviceLabel]: service, [oneOffLabel]: oneOff } = container.labels;
    if (!project || !service || oneOff === "True") continue;
    const key = keyOf(project, service);
    const node: ServiceNode = services.get(key) ?? { project, members: [], dependsOn: new Map() };
    services.set(key, node);
    node.members.push(container);
    for (const [name, condition] of parseDependsOn(container.labels[dependsOnLabel] ?? "")) {
      node.dependsOn.set(name, condition);
    }
  }
  return services;
}

/** The services that are on no cycle and behind none, each after those it depends on (Kahn's algorithm). */
function withoutCycles(services: ReadonlyMap<string, ServiceNode>): ServiceNode[] {
  const dependents = new Map<ServiceNode, ServiceNode[]>();
  const open = new Map<ServiceNode, number>();
  for (const node of services.values()) {
    const needed = [...node.dependsOn.keys()].flatMap((name) => services.get(keyOf(node.project, name)) ?? []);
    open.set(node, needed.length);
    for (const other of needed) {
      const waiting = dependents.get(other);
      if (waiting) waiting.push(node);
      else dependents.set(other, [node]);
    }
  }
  const ordered = [...services.values()].filter((node) => open.get(node) === 0);
  // It grows while it is gone through.
  for (const node of ordered) {
    for (const dependent of dependents.get(node) ?? []) {
      const left = (open.get(dependent) ?? 0) - 1;
      open.set(dependent, left);
      if (left === 0) ordered.push(dependent);
    }
  }
  return ordered;
}
