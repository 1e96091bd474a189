/** What a container that does not run may ask of its networks: refused at once is what no start could grant. */
import type { EndpointSettings } from "../api/networks.ts";
import { forbidden, isKind } from "../lib/errors.ts";
import type { NetworkBook } from "./book.ts";
import type { StoppedContainer } from "./networks.ts";
import { checkEndpoint, refuseConfiguration } from "./plan.ts";
import type { NetworkRecord } from "./record.ts";

export const noWayFromHost =
  "cannot disconnect container from host network - container was created in host network mode";

export const noneBeside =
  "container cannot be connected to multiple networks with one of the networks in private (none) mode";

/** Refuses what cannot be beside the `others` that a container is in. */
export function refuseBeside(network: NetworkRecord, others: readonly NetworkRecord[]): void {
  refuseConfiguration(network);
  if (others.some(({ driver }) => driver === "host")) {
    throw forbidden(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  }
  if (network.driver === "host") {
    throw forbidden("cannot connect container to host network - container must be created in host network mode");
  }
  if (others.length > 0 && [network, ...others].some(({ device }) => !device)) {
    throw forbidden(noneBeside);
  }
}

export function checkConnection(
  book: NetworkBook,
  nameOrId: string,
  { endpoints }: StoppedContainer,
  wanted: EndpointSettings | undefined,
): void {
  const [id, network] = book.find(nameOrId);
  const others = membersOf(book, endpoints).filter((one) => one.id !== id);
  refuseBeside(
    network,
    others.map((one) => one.network),
  );
  if (wanted) checkEndpoint(network, wanted);
}

export function checkDisconnection(
  book: NetworkBook,
  nameOrId: string,
  { containerId, endpoints }: StoppedContainer,
): void {
  const [, network] = book.find(nameOrId);
  if (keyAmong(book, endpoints, nameOrId) === undefined) {
    throw forbidden(`container ${containerId} is not connected to the network ${network.name}`);
  }
  if (network.driver === "host") throw forbidden(noWayFromHost);
}

export function keyAmong(
  book: NetworkBook,
  endpoints: StoppedContainer["endpoints"],
  nameOrId: string,
): string | undefined {
  const [id] = book.find(nameOrId);
  return membersOf(book, endpoints).find((one) => one.id === id)?.key;
}

interface Member {
  readonly key: string;
  readonly id: string;
  readonly network: NetworkRecord;
}

/** Those of the networks that are still there; a container may name them by name or id. */
function membersOf(book: NetworkBook, endpoints: StoppedContainer["endpoints"]): Member[] {
  return Object.keys(endpoints).flatMap((key) => {
    try {
      const [id, network] = book.find(key === "default" ? "bridge" : key);
      return [{ key, id, network }];
    } catch (error) {
      if (isKind(error, "notFound")) return [];
      throw error;
    }
  });
}
