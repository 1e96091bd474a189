/** Endpoints in the wire's words. */
import { type EndpointSettings, emptyEndpoint, type NetworkSettings } from "../api/networks.ts";
import { type Family, prefixOf } from "./netd/ip.ts";
import type { PerFamily } from "./netd/protocol.ts";
import type { SandboxRequest } from "./networks.ts";
import { type NetworkRecord, subnetAt } from "./record.ts";

/** In the place of a gateway: everything is on the link itself. */
const onLink: PerFamily<string> = { ipv4: "0.0.0.0", ipv6: "::" };

/**
 * Where a container that has `address` on the network sends what is for the world of one family, the unspecified address
 * being the link itself; null when that leads nowhere.
 */
export function containerGateway(network: NetworkRecord, family: Family, address?: string): string | null {
  const subnet = subnetAt(network, family, address);
  if (!subnet || network.internal) return null;
  return isRouted(network) ? onLink[family] : (subnet.router ?? subnet.gateway);
}

/** The host's device hands packets on by their addresses: there is no gateway to send them to. */
export const isRouted = ({ device }: Pick<NetworkRecord, "device">): boolean =>
  device?.kind === "ipvlan" && device.mode !== "l2";

/** Where an address leads and how much of it is its subnet's, as inspect shows both. */
function placeOf(
  network: NetworkRecord,
  family: Family,
  address: string | null,
): { readonly gateway: string; readonly prefix: number } {
  const subnet = subnetAt(network, family, address ?? undefined);
  if (!subnet || address === null) return { gateway: "", prefix: 0 };
  const gateway = containerGateway(network, family, address);
  const shown = gateway === null || gateway === onLink[family] ? "" : gateway;
  return { gateway: shown, prefix: prefixOf(subnet.subnet) };
}

/** A network that a container is to be in, and what it asks of it. */
export type Wanted = readonly [id: string, what: readonly [NetworkRecord, EndpointSettings | undefined]];

/**
 * Which of the networks give the default routes, by family: the highest priority first, then those that lead out in both
 * families, in IPv6 alone, in IPv4 alone, then by name.
 */
export function outwardNetworks(wanted: readonly Wanted[]): PerFamily<Wanted | undefined> {
  const reach = (network: NetworkRecord): number =>
    Number(containerGateway(network, "ipv4") !== null) + 2 * Number(containerGateway(network, "ipv6") !== null);
  const sorted = wanted.toSorted(([, [a, left]], [, [b, right]]) => {
    const priority = (right?.GwPriority ?? 0) - (left?.GwPriority ?? 0);
    return priority || reach(b) - reach(a) || (a.name < b.name ? -1 : 1);
  });
  const first = (family: Family) => sorted.find(([, [network]]) => containerGateway(network, family) !== null);
  return { ipv4: first("ipv4"), ipv6: first("ipv6") };
}

export interface EndpointInput {
  readonly id: string;
  readonly networkId: string;
  readonly network: NetworkRecord;
  readonly wanted: EndpointSettings | undefined;
  /** Null where the network has none of the family. */
  readonly addresses: PerFamily<string | null>;
  readonly container: Pick<SandboxRequest, "containerId" | "name" | "hostname">;
}

/** What inspect shows of a new endpoint; its MAC address is known later. */
export function endpointSettings({
  id,
  networkId,
  network,
  wanted,
  addresses,
  container,
}: EndpointInput): EndpointSettings {
  const [ipv4, ipv6] = [placeOf(network, "ipv4", addresses.ipv4), placeOf(network, "ipv6", addresses.ipv6)];
  const base = wanted ?? emptyEndpoint();
  const names = [container.name, ...(base.Aliases ?? []), container.containerId.slice(0, 12), container.hostname];
  return {
    ...base,
    MacAddress: "",
    NetworkID: networkId,
    EndpointID: id,
    Gateway: ipv4.gateway,
    IPAddress: addresses.ipv4 ?? "",
    IPPrefixLen: ipv4.prefix,
    IPv6Gateway: ipv6.gateway,
    GlobalIPv6Address: addresses.ipv6 ?? "",
    GlobalIPv6PrefixLen: ipv6.prefix,
    DNSNames: network.device && network.name !== "bridge" ? [...new Set(names.filter((name) => name !== ""))] : null,
  };
}

/** An endpoint's addresses, IPv4 first. */
export const addressesOf = ({ IPAddress, GlobalIPv6Address }: EndpointSettings): string[] =>
  [IPAddress, GlobalIPv6Address].filter((address) => address !== "");

/** An endpoint's address in one family; empty when it has none. */
export const addressOf = (settings: EndpointSettings, family: Family): string =>
  family === "ipv4" ? settings.IPAddress : settings.GlobalIPv6Address;

export function emptySettings(sandboxId: string): NetworkSettings {
  return {
    Bridge: "",
    SandboxID: sandboxId,
    SandboxKey: "",
    Ports: {},
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: "",
    Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    IPAddress: "",
    IPPrefixLen: 0,
    IPv6Gateway: "",
    MacAddress: "",
    Networks: {},
  };
}

/** The fields of old clients, which repeat the endpoint on the default bridge. */
export function topLevel(networks: Readonly<Record<string, EndpointSettings>>): Partial<NetworkSettings> {
  const bridge = networks.bridge;
  return {
    EndpointID: bridge?.EndpointID ?? "",
    Gateway: bridge?.Gateway ?? "",
    GlobalIPv6Address: bridge?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: bridge?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge?.IPAddress ?? "",
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    IPv6Gateway: bridge?.IPv6Gateway ?? "",
    MacAddress: bridge?.MacAddress ?? "",
  };
}
