/** Published ports of a container that runs: some more, some less. */
import type { EndpointSettings, PortMap } from "../api/networks.ts";
import type { Operation } from "../lib/operation.ts";
import { translatePublish } from "./attach-errors.ts";
import type { NetworkBook } from "./book.ts";
import { addressOf } from "./endpoints.ts";
import type { KernelNetworks } from "./kernel.ts";
import type { Family } from "./netd/ip.ts";
import type { PerFamily, PublishedPort } from "./netd/protocol.ts";
import type { NetworksConfig, PortChange, Republished } from "./networks.ts";
import { type OutwardMembers, outwardMembers } from "./outward.ts";
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
  const outward = outwardMembers(book, containerId);
  const endpoint = outward.ipv4 ?? outward.ipv6;
  if (!sandbox?.state || !endpoint) return null;
  const before = sandbox.state.ports;
  const remove = before.filter((port) => isChosen(port, change.remove));
  const add = planPorts({
    bindings: change.add,
    exposed: [],
    publishAll: false,
    ways: waysOf(outward, config),
    proxies: config.userlandProxy,
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
    throw translatePublish(error, endpoint.containerName, endpoint.id);
  }
}

/** How the published ports of a running container reach it. */
export function waysOf(outward: OutwardMembers, config: Pick<NetworksConfig, "hostBinding">): PerFamily<Way | null> {
  const inFamily = (family: Family): Way | null => {
    const member = outward[family];
    return member && wayOf(member.network, family, member.settings, config);
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
