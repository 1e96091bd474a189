import type { NetworkBook } from "./book.ts";
import { containerGateway, gatewayFirst, type Wanted } from "./endpoints.ts";
import type { Route } from "./netd/protocol.ts";

/** Which of a container's networks gives the default route, that of `without` left out. */
export function outwardRoute(book: NetworkBook, containerId: string, without?: string): Route | null {
  const candidates = book.membersOf(containerId).flatMap(([, { networkId, settings }]): Wanted[] => {
    const network = networkId === without ? undefined : book.networks.get(networkId);
    return network ? [[networkId, [network, settings]]] : [];
  });
  const network = candidates.sort(gatewayFirst)[0]?.[1][0];
  const gateway = network && containerGateway(network);
  return network?.bridge && gateway ? { bridge: network.bridge.device, gateway } : null;
}
