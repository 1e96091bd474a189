/** Where a service's containers are on the network: the mode, and an endpoint for each network they join. */
import type { EndpointSettings } from "../../api/networks.ts";
import type { ServiceNetwork } from "../model/grants.ts";
import type { Project } from "../model/project.ts";
import type { Service } from "../model/service.ts";
import type { References } from "./references.ts";

type Endpoints = Record<string, Partial<EndpointSettings>>;

export interface Networking {
  readonly mode: string;
  readonly endpoints: Endpoints;
}

/** The keys of a service's networks, the one that gives the default route first. */
export function orderedNetworks({ networks = {} }: Pick<Service, "networks">): [string, ServiceNetwork][] {
  const entries = Object.entries(networks).map(([key, value]): [string, ServiceNetwork] => [key, value ?? {}]);
  return entries.sort(([a, x], [b, y]) => (y.priority ?? 0) - (x.priority ?? 0) || (a < b ? -1 : 1));
}

export interface NetworkingOptions {
  readonly containerName: string;
  /** False for a one-off container that does not answer to the service's name. */
  readonly useAliases: boolean;
}

export function networkingOf(
  project: Project,
  service: Service,
  references: References,
  { containerName, useAliases }: NetworkingOptions,
): Networking {
  const { network_mode } = service;
  if (network_mode) return { mode: references.namespace(network_mode), endpoints: {} };
  const joined = orderedNetworks(service);
  const [first] = joined;
  if (!first) return { mode: "none", endpoints: {} };
  const links = references.links(service);
  const endpoints: Endpoints = {};
  for (const [key, settings] of joined) {
    const aliases = useAliases ? [containerName, service.name, ...(settings.aliases ?? [])] : [containerName];
    const mac = settings.mac_address ?? (key === first[0] ? service.mac_address : undefined);
    endpoints[networkName(project, key)] = endpointOf(settings, [...new Set(aliases)], links, mac);
  }
  return { mode: networkName(project, first[0]), endpoints };
}

export const networkName = (project: Project, key: string): string => project.networks[key]?.name ?? key;

function endpointOf(
  settings: ServiceNetwork,
  aliases: string[],
  links: string[],
  mac: string | undefined,
): Partial<EndpointSettings> {
  const { ipv4_address, ipv6_address, link_local_ips, driver_opts, interface_name, gw_priority } = settings;
  const options = {
    ...driver_opts,
    ...(interface_name && { "com.docker.network.endpoint.ifname": interface_name }),
  };
  const asks = ipv4_address || ipv6_address || link_local_ips?.length;
  return {
    Aliases: aliases,
    ...(links.length > 0 && { Links: links }),
    ...(asks && {
      IPAMConfig: {
        ...(ipv4_address && { IPv4Address: ipv4_address }),
        ...(ipv6_address && { IPv6Address: ipv6_address }),
        ...(link_local_ips?.length && { LinkLocalIPs: [...link_local_ips] }),
      },
    }),
    ...(Object.keys(options).length > 0 && { DriverOpts: options }),
    ...(mac && { MacAddress: mac }),
    ...(gw_priority && { GwPriority: gw_priority }),
  };
}
