import type { NetworkBook } from "./book.ts";
import { containerGateway, outwardNetworks, type Wanted } from "./endpoints.ts";
import type { Family } from "./netd/ip.ts";
import type { Route, Routes } from "./netd/protocol.ts";
import { segmentOf } from "./record.ts";

/** Which of a container's networks give its default routes, that of `without` left out. */
export function outwardRoutes(book: NetworkBook, containerId: string, without?: string): Routes {
  const candidates = book.membersOf(containerId).flatMap(([, { networkId, settings }]): Wanted[] => {
    const network = networkId === without ? undefined : book.networks.get(networkId);
    return network ? [[networkId, [network, settings]]] : [];
  });
  const outward = outwardNetworks(candidates);
  const route = (family: Family): Route | null => {
    const network = outward[family]?.[1][0];
    const segment = network && segmentOf(network);
    const gateway = network && containerGateway(network, family);
    return segment && gateway ? { segment, gateway } : null;
  };
  return { ipv4: route("ipv4"), ipv6: route("ipv6") };
}
