/** Through which of its networks a running container leads to the world, and is reached from there. */
import type { EndpointSettings } from "../api/networks.ts";
import type { NetworkBook } from "./book.ts";
import { addressOf, containerGateway, outwardNetworks, type Wanted } from "./endpoints.ts";
import { type Family, families } from "./netd/ip.ts";
import type { PerFamily, Route, Routes } from "./netd/protocol.ts";
import { type NetworkRecord, segmentOf } from "./record.ts";

/** An endpoint that gives the default route of a family; `id` is its own. */
export interface OutwardMember {
  readonly id: string;
  readonly containerName: string;
  readonly network: NetworkRecord;
  readonly settings: EndpointSettings;
}

export type OutwardMembers = PerFamily<OutwardMember | null>;

/** Which of a container's endpoints lead out, that on the network `without` left out. */
export function outwardMembers(book: NetworkBook, containerId: string, without?: string): OutwardMembers {
  const members = new Map(
    book.membersOf(containerId).flatMap(([id, { networkId, containerName, settings }]) => {
      const network = networkId === without ? undefined : book.networks.get(networkId);
      return network ? [[networkId, { id, containerName, network, settings }] as const] : [];
    }),
  );
  const wanted = [...members].map(([networkId, { network, settings }]): Wanted => [networkId, [network, settings]]);
  const outward = outwardNetworks(wanted);
  const inFamily = (family: Family): OutwardMember | null => members.get(outward[family]?.[0] ?? "") ?? null;
  return { ipv4: inFamily("ipv4"), ipv6: inFamily("ipv6") };
}

/** The addresses at which containers reach their host that have their ways out through these networks. */
export function hostAddressesOn(outward: PerFamily<NetworkRecord | undefined>): string[] {
  return families.flatMap((family) => {
    const network = outward[family];
    const device = network?.device;
    const isHost = device?.kind === "bridge" && !(family === "ipv4" && device.inhibitIpv4);
    return (isHost && network?.[family]?.gateway) || [];
  });
}

/** The default routes of a container, those by the network `without` left out. */
export function outwardRoutes(book: NetworkBook, containerId: string, without?: string): Routes {
  const outward = outwardMembers(book, containerId, without);
  const route = (family: Family): Route | null => {
    const member = outward[family];
    if (!member) return null;
    const segment = segmentOf(member.network);
    const gateway = containerGateway(member.network, family, addressOf(member.settings, family));
    return segment && gateway ? { segment, gateway } : null;
  };
  return { ipv4: route("ipv4"), ipv6: route("ipv6") };
}
