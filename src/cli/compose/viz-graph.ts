/** A project as a graph: services in layers by what they depend on, with the networks and volumes that they use. */
import { imageOf } from "../../compose/create/container-body.ts";
import type { Project } from "../../compose/model/project.ts";
import { type Service, scaleOf } from "../../compose/model/service.ts";
import { inOrder } from "../../compose/plan/order.ts";

export interface ServiceNode {
  readonly name: string;
  readonly image: string;
  readonly replicas: number;
  /** `8080->80/tcp`. */
  readonly ports: readonly string[];
  readonly networks: readonly string[];
  /** Named volumes only. */
  readonly volumes: readonly string[];
  readonly dependsOn: readonly { readonly name: string; readonly condition: string }[];
  /** 0 for what depends on nothing; else one more than the deepest of what it depends on. */
  readonly depth: number;
}

export interface ProjectGraph {
  readonly name: string;
  readonly services: readonly ServiceNode[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

export function graphOf(project: Project): ProjectGraph {
  const depths = new Map<string, number>();
  const services = inOrder(project.services).map((service) => {
    const dependsOn = Object.entries(service.depends_on ?? {})
      .filter(([name]) => depths.has(name))
      .map(([name, { condition }]) => ({ name, condition: condition.replace(/^service_/, "").replaceAll("_", " ") }));
    const depth = Math.max(-1, ...dependsOn.map(({ name }) => depths.get(name) ?? 0)) + 1;
    depths.set(service.name, depth);
    return nodeOf(project, service, dependsOn, depth);
  });
  return {
    name: project.name,
    services,
    networks: Object.keys(project.networks).sort(),
    volumes: Object.keys(project.volumes).sort(),
  };
}

function nodeOf(project: Project, service: Service, dependsOn: ServiceNode["dependsOn"], depth: number): ServiceNode {
  return {
    name: service.name,
    image: imageOf(project, service),
    replicas: scaleOf(service),
    ports: (service.ports ?? []).map(({ published, target, protocol, host_ip }) => {
      const host = [host_ip, published || "*"].filter(Boolean).join(":");
      return `${host}->${target}/${protocol || "tcp"}`;
    }),
    networks: service.network_mode ? [service.network_mode] : Object.keys(service.networks ?? {}).sort(),
    volumes: (service.volumes ?? []).flatMap(({ type, source }) => (type === "volume" && source ? [source] : [])),
    dependsOn,
    depth,
  };
}
