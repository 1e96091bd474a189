/** A project's graph as a tree for a terminal. */
import { printable } from "../network/printable.ts";
import type { ProjectGraph, ServiceNode } from "./viz-graph.ts";

/** What nothing depends on comes first, each with what it depends on below it; then networks and volumes with who uses them. */
export function vizText(graph: ProjectGraph): string {
  const wanted = new Set(graph.services.flatMap(({ dependsOn }) => dependsOn.map(({ name }) => name)));
  const tops = graph.services.filter(({ name }) => !wanted.has(name));
  const drawing: Drawing = {
    byName: new Map(graph.services.map((service) => [service.name, service])),
    drawn: new Set(),
  };
  const users = (key: "networks" | "volumes", name: string): Branch[] =>
    graph.services
      .filter((service) => service[key].includes(name))
      .map((service) => ({ text: service.name, below: [] }));
  const roots: Branch[] = [
    { text: graph.name, below: tops.map((service) => serviceBranch(service, "", drawing)) },
    ...graph.networks.map((name) => ({ text: `network ${name}`, below: users("networks", name) })),
    ...graph.volumes.map((name) => ({ text: `volume ${name}`, below: users("volumes", name) })),
  ];
  return roots.map(({ text, below }) => `${printable(text)}\n${lines(below, "")}`).join("");
}

interface Branch {
  readonly text: string;
  readonly below: readonly Branch[];
}

interface Drawing {
  readonly byName: ReadonlyMap<string, ServiceNode>;
  /** What a service depends on is drawn where it stands first. */
  readonly drawn: Set<string>;
}

function serviceBranch(service: ServiceNode, condition: string, drawing: Drawing): Branch {
  const { name, image, replicas, ports, dependsOn } = service;
  const facts = [
    `${name} (${image})`,
    ...(replicas === 1 ? [] : [`x${replicas}`]),
    ...(ports.length > 0 ? [ports.join(" ")] : []),
    ...(condition === "" ? [] : [`[${condition}]`]),
  ];
  const text = facts.join("  ");
  if (drawing.drawn.has(name)) return { text: dependsOn.length > 0 ? `${text}  …` : text, below: [] };
  drawing.drawn.add(name);
  const below = dependsOn.flatMap((each) => {
    const other = drawing.byName.get(each.name);
    return other ? [serviceBranch(other, each.condition, drawing)] : [];
  });
  return { text, below };
}

function lines(branches: readonly Branch[], indent: string): string {
  return branches
    .map(({ text, below }, index) => {
      const last = index === branches.length - 1;
      return `${indent}${last ? "└── " : "├── "}${printable(text)}\n${lines(below, `${indent}${last ? "    " : "│   "}`)}`;
    })
    .join("");
}
