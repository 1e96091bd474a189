/** A topology as a tree for a terminal. */
import { printable } from "./printable.ts";
import type { ContainerNode, NetworkNode, Topology } from "./topology.ts";

interface Branch {
  readonly text: string;
  readonly below: readonly Branch[];
}

/** What leads to the world first, then what does not; every container under each of its networks. */
export function diagramText(topology: Topology): string {
  const { networks } = topology;
  const branch = (network: NetworkNode): Branch => networkBranch(network, topology);
  const outward = networks.filter((network) => network.outward);
  const inward = networks.filter((network) => !network.outward);
  const roots: Branch[] = [];
  if (outward.length > 0) roots.push({ text: "world", below: outward.map(branch) });
  if (inward.length > 0) roots.push({ text: "no way out", below: inward.map(branch) });
  return roots.map((root) => `${printable(root.text)}\n${lines(root.below, "")}`).join("");
}

/** What there is to say of a network besides its name. */
export function factsOf({ driver, parent, internal, subnets, gateways }: NetworkNode): string[] {
  return [
    `${driver}${parent === "" ? "" : ` on ${parent}`}`,
    ...(internal ? ["internal"] : []),
    ...subnets,
    ...gateways.map((gateway) => `gateway ${gateway}`),
  ];
}

function networkBranch(network: NetworkNode, { containers }: Topology): Branch {
  const inside = containers.filter(({ endpoints }) => endpoints.some((one) => one.network === network.name));
  return {
    text: `${network.name} (${factsOf(network).join(", ")})`,
    below: inside.map((container) => containerBranch(container, network.name, containers)),
  };
}

function containerBranch(container: ContainerNode, network: string, all: readonly ContainerNode[]): Branch {
  const { name, state, endpoints, ports } = container;
  const addresses = endpoints.find((one) => one.network === network)?.addresses ?? [];
  const others = endpoints.filter((one) => one.network !== network).map((one) => one.network);
  const text = [
    name,
    ...(addresses.length > 0 ? [addresses.join(" ")] : []),
    ...(state === "running" ? [] : [`(${state})`]),
    ...(others.length > 0 ? [`also in ${others.join(", ")}`] : []),
  ];
  const guests = all.filter(({ shares }) => shares === name);
  return {
    text: text.join("  "),
    below: [
      ...ports.map((port) => ({ text: `published ${port}`, below: [] })),
      ...guests.map((guest) => ({
        text: `${guest.name} shares this network${guest.state === "running" ? "" : `  (${guest.state})`}`,
        below: [],
      })),
    ],
  };
}

function lines(branches: readonly Branch[], indent: string): string {
  return branches
    .map(({ text, below }, index) => {
      const last = index === branches.length - 1;
      return `${indent}${last ? "└── " : "├── "}${printable(text)}\n${lines(below, `${indent}${last ? "    " : "│   "}`)}`;
    })
    .join("");
}
