/** Published ports of a container that runs: some more, some less. */
import type { EndpointSettings, PortMap } from "../api/networks.ts";
import type { Operation } from "../lib/operation.ts";
import { translatePublish } from "./attach-errors.ts";
import type { Member, NetworkBook } from "./book.ts";
import { addressOf, outwardNetworks, type Wanted } from "./endpoints.ts";
import type { KernelNetworks } from "./kernel.ts";
import type { Family } from "./netd/ip.ts";
import type { PerFamily, PublishedPort } from "./netd/protocol.ts";
import type { NetworksConfig, PortChange, Republished } from "./networks.ts";
import { outwardOf, type Planned } from "./plan.ts";
import { parsePort, planPorts, portMapOf, type Way } from "./ports-plan.ts";
import type { NetworkRecord } from "./record.ts";

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
  const ways = outwardWays(book, containerId);
  const [, endpoint] = ways.ipv4?.member ?? ways.ipv6?.member ?? [];
  if (!sandbox?.state || !endpoint) return null;
  const before = sandbox.state.ports;
  const remove = before.filter((port) => isChosen(port, change.remove));
  const add = planPorts({
    bindings: change.add,
    exposed: [],
    publishAll: false,
    ways: {
      ipv4: ways.ipv4 && wayOf(ways.ipv4.network, "ipv4", ways.ipv4.member[1].settings, config),
      ipv6: ways.ipv6 && wayOf(ways.ipv6.network, "ipv6", ways.ipv6.member[1].settings, config),
    },
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
    throw translatePublish(error, endpoint.containerName, endpoint.settings.EndpointID);
  }
}

/** A network through which a container is reached in one family, with its endpoint there. */
interface Outward {
  readonly network: NetworkRecord;
  readonly member: Member;
}

/** The endpoints that a container's ports lead to: those that lead to the world. */
function outwardWays(book: NetworkBook, containerId: string): PerFamily<Outward | null> {
  const members = new Map(book.membersOf(containerId).map((member) => [member[1].networkId, member]));
  const wanted = [...members].flatMap(([networkId, [, { settings }]]): Wanted[] => {
    const network = book.networks.get(networkId);
    return network ? [[networkId, [network, settings]]] : [];
  });
  const outward = outwardNetworks(wanted);
  const inFamily = (family: Family): Outward | null => {
    const [networkId, [network]] = outward[family] ?? ["", [null]];
    const member = members.get(networkId);
    return network && member ? { network, member } : null;
  };
  return { ipv4: inFamily("ipv4"), ipv6: inFamily("ipv6") };
}

/** How the published ports of a container that is to start reach it. */
export function waysIn(plan: readonly Planned[], config: Pick<NetworksConfig, "hostBinding">): PerFamily<Way | null> {
  const inFamily = (family: Family): Way | null => {
    const outward = outwardOf(plan, family);
    return outward ? wayOf(outward.network, family, outward.record.settings, config) : null;
  };
  return { ipv4: inFamily("ipv4"), ipv6: inFamily("ipv6") };
}

function wayOf(
  { device }: NetworkRecord,
  family: Family,
  settings: EndpointSettings,
  config: Pick<NetworksConfig, "hostBinding">,
): Way | null {
  if (device?.kind !== "bridge") return null;
  const hostBinding = device.hostBinding || config.hostBinding || "0.0.0.0";
  return { address: addressOf(settings, family), mode: device.modes[family], hostBinding };
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
