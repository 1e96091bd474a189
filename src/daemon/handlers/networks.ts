import type { Filters } from "../../api/filters.ts";
import type {
  Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
  NetworkPruneResponse,
} from "../../api/networks.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Handlers } from "../call.ts";
import { ignore } from "./ignore.ts";

/** What the network routes need. `ref` is an id, a prefix of one, or a name. */
export interface NetworksBackend {
  /** Without `Containers`. */
  list(filters: Filters, op: Operation): Promise<Network[]>;
  inspect(ref: string, query: { verbose: boolean; scope: string }, op: Operation): Promise<Network>;
  create(request: NetworkCreateRequest, op: Operation): Promise<NetworkCreateResponse>;
  remove(ref: string, op: Operation): Promise<void>;
  connect(ref: string, request: NetworkConnectRequest, op: Operation): Promise<void>;
  disconnect(ref: string, request: NetworkDisconnectRequest, op: Operation): Promise<void>;
  prune(filters: Filters, op: Operation): Promise<NetworkPruneResponse>;
}

/** Handlers of the network routes. */
export function networkHandlers(networks: NetworksBackend) {
  return {
    networkList: async ({ query, op }) => networks.list(query.filters, op),
    networkCreate: async ({ body, op }) => networks.create(body, op),
    networkPrune: async ({ query, op }) => networks.prune(query.filters, op),
    networkInspect: async ({ params, query, op }) => networks.inspect(params.id, query, op),
    networkRemove: async ({ params, op }) => ignore(networks.remove(params.id, op)),
    networkConnect: async ({ params, body, op }) => {
      requireContainer(body.Container);
      return ignore(networks.connect(params.id, body, op));
    },
    networkDisconnect: async ({ params, body, op }) => {
      requireContainer(body.Container);
      return ignore(networks.disconnect(params.id, body, op));
    },
  } satisfies Partial<Handlers>;
}

function requireContainer(ref: string): void {
  if (ref === "") throw invalidArgument('invalid name or ID supplied: ""');
}
