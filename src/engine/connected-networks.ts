import type { Filters } from "../api/filters.ts";
import type {
  EndpointSettings,
  Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
  NetworkPruneResponse,
} from "../api/networks.ts";
import { forbidden, isKind } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import type { ConnectedContainer, Networks } from "../networks/networks.ts";

/** What connecting needs of containers. */
interface ConnectableContainers {
  /** The full id of a name, id or prefix. */
  resolve(ref: string): string;
  /** Records what a container is connected to from now on, null being nothing, after `whileRunning` where it runs. */
  setEndpoint(
    ref: string,
    network: string,
    endpoint: EndpointSettings | null,
    whileRunning: (container: ConnectedContainer) => Promise<EndpointSettings>,
  ): Promise<void>;
}

/** Networks as the API speaks of them: a connection belongs to a container's record and, while it runs, to the kernel. */
export interface ConnectedNetworks {
  list(filters: Filters, op: Operation): Promise<Network[]>;
  inspect(ref: string, query: { verbose: boolean; scope: string }, op: Operation): Promise<Network>;
  create(request: NetworkCreateRequest, op: Operation): Promise<NetworkCreateResponse>;
  remove(ref: string, op: Operation): Promise<void>;
  connect(ref: string, request: NetworkConnectRequest, op: Operation): Promise<void>;
  disconnect(ref: string, request: NetworkDisconnectRequest, op: Operation): Promise<void>;
  prune(filters: Filters, op: Operation): Promise<NetworkPruneResponse>;
}

export function connectNetworks(networks: Networks, containers: ConnectableContainers): ConnectedNetworks {
  return {
    list: async (filters) => networks.list(Object.fromEntries(filters)),
    inspect: async (ref) => networks.inspect(ref),
    create: (request, op) => networks.create(request, op),
    remove: (ref, op) => networks.remove(ref, op),
    prune: (filters, op) => networks.prune(Object.fromEntries(filters), op),
    async connect(ref, request, op) {
      const network = networks.inspect(ref);
      const id = containers.resolve(request.Container ?? "");
      const endpoint = request.EndpointConfig ?? ({} as EndpointSettings);
      const connect = (container: ConnectedContainer) => networks.connect(network.Id, container, request, op);
      await containers.setEndpoint(id, network.Name, endpoint, connect);
    },
    async disconnect(ref, request, op) {
      const network = networks.inspect(ref);
      const id = await resolveOrForce(containers, request);
      if (id === null) return;
      await containers.setEndpoint(id, network.Name, null, (container) =>
        networks.disconnect(network.Id, container, op),
      );
    },
  };
}

/** With Force, a container that is gone is no error: its stale endpoint went with it. */
async function resolveOrForce(
  containers: ConnectableContainers,
  request: NetworkDisconnectRequest,
): Promise<string | null> {
  try {
    return containers.resolve(request.Container ?? "");
  } catch (error) {
    if (request.Force && isKind(error, "notFound")) return null;
    throw isKind(error, "conflict") ? forbidden(error.message) : error;
  }
}
