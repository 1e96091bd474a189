/** From what a container asks for to its endpoints: networks, addresses, interface names. Nothing in the kernel yet. */
import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import type { EndpointSettings } from "../api/networks.ts";
import { invalidArgument } from "../lib/errors.ts";
import type { NetworkBook } from "./book.ts";
import { isPredefined } from "./create-request.ts";
import { containerGateway, endpointSettings, gatewayFirst, type Wanted } from "./endpoints.ts";
import { namesOn } from "./names-on.ts";
import type { EndpointSpec } from "./netd/protocol.ts";
import type { SandboxRequest } from "./networks.ts";
import type { EndpointRecord, NetworkRecord } from "./record.ts";

/** One endpoint to be. Its address is taken, and it counts as a member of its network. */
export interface Planned {
  readonly id: string;
  readonly networkId: string;
  readonly network: NetworkRecord;
  readonly record: EndpointRecord;
  /** Null on networks without a bridge. */
  readonly spec: EndpointSpec | null;
}

type Container = Pick<SandboxRequest, "containerId" | "name" | "hostname">;

export interface EndpointRequest {
  readonly networkId: string;
  readonly network: NetworkRecord;
  readonly wanted: EndpointSettings | undefined;
  readonly ifname: string;
  /** Used where `wanted` names none. */
  readonly mac?: string | undefined;
}

/** Chooses networks and addresses for a start; all of them are promised in the book, or none. */
export function planEndpoints(book: NetworkBook, request: SandboxRequest): Planned[] {
  const mode = request.networkMode === "default" ? "bridge" : request.networkMode;
  const wanted = new Map<string, [NetworkRecord, EndpointSettings | undefined]>();
  const add = (name: string, settings: EndpointSettings | undefined): void => {
    const [id, network] = book.find(name === "default" ? "bridge" : name);
    wanted.set(id, [network, settings ?? wanted.get(id)?.[1]]);
  };
  // A container that was disconnected from the network of its mode stays so.
  if (Object.keys(request.endpoints).length === 0) add(mode, undefined);
  for (const [name, settings] of Object.entries(request.endpoints)) add(name, settings);
  const [first = ""] = wanted.keys();
  const primary = [...wanted].find(([id, [network]]) => id === mode || network.name === mode)?.[0] ?? first;
  const ordered = [...wanted].sort(byName);
  const alone = ordered.find(([, [network]]) => network.driver !== "bridge");
  if (alone && ordered.length > 1) {
    const kind = alone[1][0].driver === "null" ? "private (none)" : "host";
    throw invalidArgument(
      `container cannot be connected to multiple networks with one of the networks in ${kind} mode`,
    );
  }
  const planned: Planned[] = [];
  try {
    for (const [index, [networkId, [network, settings]]] of ordered.entries()) {
      const mac = networkId === primary ? request.macAddress : undefined;
      planned.push(planEndpoint(book, request, { networkId, network, wanted: settings, ifname: `eth${index}`, mac }));
    }
  } catch (error) {
    for (const { id, record } of planned) book.withdraw([id, record]);
    throw error;
  }
  const [outward] = [...wanted].sort(gatewayFirst)[0] ?? [];
  return planned.map((one) =>
    one.spec && one.networkId !== outward ? { ...one, spec: { ...one.spec, gateway: null } } : one,
  );
}

/** Order of a container's interfaces, whichever of them leads to the world. */
const byName = ([, [a]]: Wanted, [, [b]]: Wanted): number => (a.name < b.name ? -1 : 1);

/** Plans one endpoint and promises it. */
export function planEndpoint(book: NetworkBook, container: Container, request: EndpointRequest): Planned {
  const { networkId, network, wanted, ifname } = request;
  const { containerId, name } = container;
  const id = randomBytes(32).toString("hex");
  if (wanted) checkStaticAddress(network, wanted);
  const mac = (wanted?.MacAddress || request.mac) ?? "";
  if (mac !== "" && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) {
    throw invalidArgument(`invalid MAC address: ${mac}`);
  }
  const address = network.bridge
    ? book.addresses.take(networkId, network, wanted?.IPAMConfig?.IPv4Address || undefined)
    : "";
  const settings = endpointSettings({ id, networkId, network, wanted, address, container });
  const spec = network.bridge && {
    bridge: network.bridge.device,
    ifname,
    address: `${address}/${network.bridge.subnet.split("/")[1]}`,
    gateway: containerGateway(network),
    mac: mac === "" ? null : mac.toLowerCase(),
    names: namesOn(network, settings),
  };
  const record = { networkId, networkName: network.name, containerId, containerName: name, settings };
  book.promise(id, record);
  return { id, networkId, network, record, spec };
}

/** As Go joins errors: one stands alone, several are a list. */
const listed = (complaints: readonly string[]): string =>
  complaints.length === 1 ? `${complaints[0]}` : complaints.map((one) => `* ${one}`).join("\n");

/** Refuses a fixed address where Docker does. */
export function checkStaticAddress(network: NetworkRecord, settings: EndpointSettings): void {
  const { IPv4Address: ipv4, IPv6Address: ipv6 } = settings.IPAMConfig ?? {};
  if (ipv6) throw invalidArgument("invalid endpoint settings:\nIPv6 addresses need an IPv6 network");
  if (!ipv4) return;
  const complaints: string[] = [];
  if (isPredefined(network.name)) {
    complaints.push("user specified IP address is supported on user defined networks only");
  }
  if (isIP(ipv4) !== 4) complaints.push(`invalid IPv4 address: ${ipv4}`);
  if (!network.bridge?.userSubnet) {
    complaints.push(
      "user specified IP address is supported only when connecting to networks with user configured subnets",
    );
  }
  if (complaints.length === 0) return;
  throw invalidArgument(
    `invalid config for network ${network.name}: invalid endpoint settings:\n${listed(complaints)}`,
  );
}
