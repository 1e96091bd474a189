/** Endpoints in the wire's words. */
import { type EndpointSettings, emptyEndpoint, type NetworkSettings } from "../api/networks.ts";
import type { SandboxRequest } from "./networks.ts";
import type { NetworkRecord } from "./record.ts";

/** Where a container on the network sends what is for the world; null when the network leads nowhere. */
export const containerGateway = ({ bridge, internal }: NetworkRecord): string | null =>
  bridge && !internal ? (bridge.router ?? bridge.gateway) : null;

/** A network that a container is to be in, and what it asks of it. */
export type Wanted = readonly [id: string, what: readonly [NetworkRecord, EndpointSettings | undefined]];

/** The network that gives the default route first: highest priority, then name; internal ones last. */
export function gatewayFirst([, [a, left]]: Wanted, [, [b, right]]: Wanted): number {
  const inward = Number(a.internal) - Number(b.internal);
  const priority = (right?.GwPriority ?? 0) - (left?.GwPriority ?? 0);
  return inward || priority || (a.name < b.name ? -1 : 1);
}

export interface EndpointInput {
  readonly id: string;
  readonly networkId: string;
  readonly network: NetworkRecord;
  readonly wanted: EndpointSettings | undefined;
  readonly address: string;
  readonly container: Pick<SandboxRequest, "containerId" | "name" | "hostname">;
}

/** What inspect shows of a new endpoint; its MAC address is known later. */
export function endpointSettings({
  id,
  networkId,
  network,
  wanted,
  address,
  container,
}: EndpointInput): EndpointSettings {
  const base = wanted ?? emptyEndpoint();
  const { bridge } = network;
  const names = [container.name, ...(base.Aliases ?? []), container.containerId.slice(0, 12), container.hostname];
  return {
    ...base,
    MacAddress: "",
    NetworkID: networkId,
    EndpointID: id,
    Gateway: containerGateway(network) ?? "",
    IPAddress: address,
    IPPrefixLen: bridge ? Number(bridge.subnet.split("/")[1]) : 0,
    DNSNames: bridge && network.name !== "bridge" ? [...new Set(names.filter((name) => name !== ""))] : null,
  };
}

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
    IPAddress: bridge?.IPAddress ?? "",
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    MacAddress: bridge?.MacAddress ?? "",
  };
}
