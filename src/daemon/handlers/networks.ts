import type { Filters } from "../../api/filters.ts";
import type {
  Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
  NetworkPruneResponse,
} from "../../api/networks.ts";
import type { Operation } from "../../lib/operation.ts";

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
