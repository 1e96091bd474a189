/** What is connected to what: networks, containers and published ports, from what any daemon's API tells. */
import type { ContainerSummary } from "../../api/containers.ts";
import type { Network } from "../../api/networks.ts";
import { naturalOrder } from "../../lib/natural-order.ts";
import { shortId, showPorts } from "../container/listing.ts";

export interface NetworkNode {
  readonly name: string;
  readonly driver: string;
  /** The device that it hangs on, where the driver was told of one. */
  readonly parent: string;
  readonly internal: boolean;
  readonly subnets: readonly string[];
  readonly gateways: readonly string[];
  /** Containers on it reach the world through it. */
  readonly outward: boolean;
}

export interface Endpoint {
  readonly network: string;
  /** None while the container is not running, and on networks without addresses. */
  readonly addresses: readonly string[];
}

export interface ContainerNode {
  readonly name: string;
  readonly state: string;
  /** In the order of their networks. */
  readonly endpoints: readonly Endpoint[];
  /** Such as `0.0.0.0:8080->80/tcp`. */
  readonly ports: readonly string[];
  /** Name of the container whose network namespace it lives in; "" for one with its own or the host's. */
  readonly shares: string;
}

export interface Topology {
  readonly networks: readonly NetworkNode[];
  readonly containers: readonly ContainerNode[];
}

/**
 * The picture of `networks` and the containers in them; of all networks when `only` is empty, then without those that
 * every daemon has and nobody uses. `missing` are names of `only` that are no network's name, id or prefix of an id.
 */
export function topologyOf(
  networks: readonly Network[],
  containers: readonly ContainerSummary[],
  only: readonly string[] = [],
): Topology & { readonly missing: readonly string[] } {
  const chosen = new Set<Network>();
  const missing: string[] = [];
  for (const wanted of only) {
    const found = networkNamed(networks, wanted);
    if (found) chosen.add(found);
    else missing.push(wanted);
  }
  const all = containers.map((one) => containerNode(one, containers));
  const used = new Set(all.flatMap(({ endpoints }) => endpoints.map(({ network }) => network)));
  const shown = networks
    .filter((network) => !network.ConfigOnly)
    .filter((network) => (only.length > 0 ? chosen.has(network) : used.has(network.Name) || !isBuiltIn(network)))
    .map(networkNode)
    .sort((a, b) => naturalOrder(a.name, b.name));
  const names = new Set(shown.map(({ name }) => name));
  const inside = all.filter(({ endpoints }) => endpoints.some(({ network }) => names.has(network)));
  const owners = new Set(inside.map(({ name }) => name));
  return {
    networks: shown,
    containers: all
      .filter((one) => inside.includes(one) || owners.has(one.shares))
      .sort((a, b) => naturalOrder(a.name, b.name)),
    missing,
  };
}

function networkNamed(networks: readonly Network[], wanted: string): Network | undefined {
  const byName = networks.find(({ Name, Id }) => Name === wanted || Id === wanted);
  const byPrefix = networks.filter(({ Id }) => wanted !== "" && Id.startsWith(wanted));
  return byName ?? (byPrefix.length === 1 ? byPrefix[0] : undefined);
}

/** Other than `bridge` these have no device and no addresses: without a container there is nothing to see. */
const isBuiltIn = ({ Driver }: Network): boolean => Driver === "host" || Driver === "null";

function networkNode({ Name, Driver, Internal, IPAM, Options }: Network): NetworkNode {
  const configs = IPAM?.Config ?? [];
  const present = (values: readonly (string | undefined)[]): string[] => values.flatMap((one) => (one ? [one] : []));
  return {
    name: Name,
    driver: Driver,
    parent: Options?.parent ?? "",
    internal: Internal,
    subnets: present(configs.map(({ Subnet }) => Subnet)),
    gateways: present(configs.map(({ Gateway }) => Gateway)),
    outward: !Internal && Driver !== "null",
  };
}

function containerNode(row: ContainerSummary, all: readonly ContainerSummary[]): ContainerNode {
  const [, owner = ""] = /^container:(.*)$/.exec(row.HostConfig?.NetworkMode ?? "") ?? [];
  const published = row.Ports.filter(({ PublicPort }) => PublicPort !== undefined && PublicPort !== 0);
  return {
    name: nameOf(row),
    state: row.State,
    endpoints: Object.entries(row.NetworkSettings?.Networks ?? {})
      .sort(([a], [b]) => naturalOrder(a, b))
      .map(([network, { IPAddress, GlobalIPv6Address }]) => ({
        network,
        addresses: [IPAddress, GlobalIPv6Address].filter((one) => one),
      })),
    ports: published.length === 0 ? [] : showPorts(published).split(", "),
    shares: owner === "" ? "" : sharedName(owner, all),
  };
}

function sharedName(owner: string, all: readonly ContainerSummary[]): string {
  const found = all.find((one) => one.Id === owner || one.Names.includes(`/${owner}`));
  return found ? nameOf(found) : shortId(owner);
}

function nameOf({ Names, Id }: ContainerSummary): string {
  const names = Names.map((name) => name.replace(/^\//, ""));
  return names.find((name) => !name.includes("/")) ?? names[0] ?? shortId(Id);
}
