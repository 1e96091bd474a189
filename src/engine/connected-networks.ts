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
import { forbidden, isKind, notFound } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import type { EndpointChange, Networks } from "../networks/networks.ts";

/** What connecting needs of containers. */
interface ConnectableContainers {
  /** The full id of a name, id or prefix. */
  resolve(ref: string): string;
  /** Records what a container is connected to from now on, null being nothing, after `change` has granted it. */
  setEndpoint(ref: string, network: string, endpoint: EndpointSettings | null, change: EndpointChange): Promise<void>;
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
      await containers.setEndpoint(id, network.Name, endpoint, {
        running: (container) => networks.connect(network.Id, container, request, op),
        stopped: (container) => networks.checkConnection(network.Id, container, endpoint),
        keyOf: (endpoints) => networks.keyAmong(endpoints, network.Id),
      });
    },
    async disconnect(ref, request, op) {
      const network = networks.inspect(ref);
      const id = resolveMember(containers, request);
      await containers.setEndpoint(id, network.Name, null, {
        running: (container) => networks.disconnect(network.Id, container, op),
        stopped: (container) => networks.checkDisconnection(network.Id, container),
        keyOf: (endpoints) => networks.keyAmong(endpoints, network.Id),
      });
    },
  };
}

/** With Force, an endpoint whose container is gone: none is kept of such, and dockerd calls what it cannot find so. */
function resolveMember(containers: ConnectableContainers, { Container, Force }: NetworkDisconnectRequest): string {
  try {
    return containers.resolve(Container ?? "");
  } catch (error) {
    if (Force && isKind(error, "notFound")) throw notFound(`endpoint ${Container} not found`);
    throw isKind(error, "conflict") ? forbidden(error.message) : error;
  }
}
