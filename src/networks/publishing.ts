/** Published ports of a container that runs: some more, some less. */
import type { PortMap } from "../api/networks.ts";
import type { Operation } from "../lib/operation.ts";
import { translatePublish } from "./attach-errors.ts";
import type { NetworkBook } from "./book.ts";
import { containerGateway } from "./endpoints.ts";
import type { KernelNetworks } from "./kernel.ts";
import type { PublishedPort } from "./netd/protocol.ts";
import type { NetworksConfig, PortChange, Republished } from "./networks.ts";
import { parsePort, planPorts, portMapOf } from "./ports-plan.ts";

export interface PublishingRooms {
  readonly config: NetworksConfig;
  readonly book: NetworkBook;
  readonly kernel: KernelNetworks;
}

/** All of it in the kernel when it returns, and the records left to the caller's transaction; nothing when it throws. */
export async function republish(
  { config, book, kernel }: PublishingRooms,
  containerId: string,
  change: PortChange,
  op: Operation,
): Promise<Republished | null> {
  const sandbox = book.sandboxes.get(containerId);
  const outward = outwardMember(book, containerId);
  if (!sandbox?.state || !outward) return null;
  const { network, member } = outward;
  const before = sandbox.state.ports;
  const remove = before.filter((port) => isChosen(port, change.remove));
  const add = planPorts({
    bindings: change.add,
    exposed: [],
    publishAll: false,
    address: member.settings.IPAddress,
    hostBinding: network.bridge?.hostBinding || config.hostBinding || "0.0.0.0",
  });
  try {
    const state = await op.timings.measure("netd", () => kernel.netd.call("republish", { containerId, add, remove }));
    return {
      record(tx) {
        const settings = { ...sandbox.settings, Ports: portMapOf(state.ports, change.exposed) };
        book.sandboxes.put(tx, containerId, { ...sandbox, state, settings });
      },
      undo: () => kernel.restorePorts(containerId, state.ports, before),
    };
  } catch (error) {
    throw translatePublish(error, member.containerName, member.settings.EndpointID);
  }
}

/** The endpoint that a container's ports lead to: as at its start, the first by name that leads to the world. */
function outwardMember(book: NetworkBook, containerId: string) {
  return book
    .membersOf(containerId)
    .flatMap(([, member]) => {
      const network = book.networks.get(member.networkId);
      return network && containerGateway(network) !== null ? [{ network, member }] : [];
    })
    .sort((a, b) => (a.network.name < b.network.name ? -1 : 1))[0];
}

function isChosen({ port, protocol, host, hostPort }: PublishedPort, remove: PortMap): boolean {
  return Object.entries(remove).some(([key, bindings]) => {
    const wanted = parsePort(key);
    if (wanted.port !== port || wanted.protocol !== protocol) return false;
    return (bindings ?? []).some(
      ({ HostIp, HostPort }) => (!HostIp || HostIp === host) && (!HostPort || Number(HostPort) === hostPort),
    );
  });
}
