/** From what a container asks for to its endpoints: networks, addresses, interface names. Nothing in the kernel yet. */
import { randomBytes } from "node:crypto";
import type { EndpointSettings } from "../api/networks.ts";
import { forbidden, invalidArgument, systemError } from "../lib/errors.ts";
import type { NetworkBook } from "./book.ts";
import { isPredefined } from "./create-request.ts";
import { InterfaceNames, optionComplaints, sysctlsOf } from "./endpoint-options.ts";
import { containerGateway, endpointSettings, outwardNetworks, type Wanted } from "./endpoints.ts";
import { linkLocalComplaints, linkLocalOf } from "./link-local.ts";
import { namesOn } from "./names-on.ts";
import { addressText, contains, type Family, families, parseAddress, parseCidr, prefixOf } from "./netd/ip.ts";
import type { EndpointAddress, EndpointSpec, PerFamily } from "./netd/protocol.ts";
import type { SandboxRequest } from "./networks.ts";
import { type EndpointRecord, type NetworkRecord, segmentOf, subnetAt, subnetsOf } from "./record.ts";

/** One endpoint to be. Its address is taken, and it counts as a member of its network. */
export interface Planned {
  readonly id: string;
  readonly networkId: string;
  readonly network: NetworkRecord;
  readonly record: EndpointRecord;
  /** Null on networks that are nothing in the kernel. */
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
    const real = name === "default" ? "bridge" : name;
    // Of an engine without a default network, containers that ask for it have none, as dockerd's.
    if (real === "bridge" && book.networks.findUnique("name", real) === undefined) return;
    const [id, network] = book.find(real);
    wanted.set(id, [network, settings ?? wanted.get(id)?.[1]]);
  };
  // The network of its mode is among them, unless the container was disconnected from it: it stays so.
  for (const [name, settings] of Object.entries(request.endpoints)) add(name, settings);
  const [first = ""] = wanted.keys();
  const primary = [...wanted].find(([id, [network]]) => id === mode || network.name === mode)?.[0] ?? first;
  const ordered = [...wanted].sort(byName);
  for (const [, [network]] of ordered) refuseConfiguration(network);
  const alone = ordered.find(([, [network]]) => network.device === null);
  if (alone && ordered.length > 1) {
    const kind = alone[1][0].driver === "null" ? "private (none)" : "host";
    throw invalidArgument(
      `container cannot be connected to multiple networks with one of the networks in ${kind} mode`,
    );
  }
  const planned: Planned[] = [];
  try {
    const names = new InterfaceNames();
    names.reserve(ordered.map(([, [, settings]]) => settings));
    for (const [networkId, [network, settings]] of ordered) {
      const mac = networkId === primary ? request.macAddress : undefined;
      planned.push(
        planEndpoint(book, request, {
          networkId,
          network,
          wanted: settings,
          ifname: names.next(network, settings),
          mac,
        }),
      );
    }
  } catch (error) {
    for (const { id, record } of planned) book.withdraw([id, record]);
    throw error;
  }
  const outward = outwardNetworks([...wanted]);
  return planned.map((one) => {
    if (!one.spec) return one;
    const { spec, networkId } = one;
    const ipv4 = networkId === outward.ipv4?.[0] ? spec.ipv4 : inward(spec.ipv4);
    const ipv6 = networkId === outward.ipv6?.[0] ? spec.ipv6 : inward(spec.ipv6);
    return { ...one, spec: { ...spec, ipv4, ipv6 } };
  });
}

/** A network that is configuration only takes no containers. */
export function refuseConfiguration({ configuration }: NetworkRecord): void {
  if (configuration) throw forbidden("cannot create endpoint on configuration-only network");
}

/** The same place in a network, without the way out. */
export const inward = (address: EndpointAddress | null): EndpointAddress | null =>
  address && { ...address, gateway: null };

/** The endpoint that gives a family's default route. */
export const outwardOf = (plan: readonly Planned[], family: Family): Planned | undefined =>
  plan.find(({ spec }) => spec?.[family]?.gateway != null);

/** Order of a container's interfaces, whichever of them leads to the world. */
const byName = ([, [a]]: Wanted, [, [b]]: Wanted): number => (a.name < b.name ? -1 : 1);

/** Plans one endpoint and promises it. */
export function planEndpoint(book: NetworkBook, container: Container, request: EndpointRequest): Planned {
  const { networkId, network, wanted, ifname } = request;
  const { containerId, name } = container;
  const id = randomBytes(32).toString("hex");
  if (wanted) checkEndpoint(network, wanted);
  const mac = (wanted?.MacAddress || request.mac) ?? "";
  if (mac !== "" && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) {
    throw invalidArgument(`invalid MAC address: ${mac}`);
  }
  if (mac !== "" && network.device?.kind === "ipvlan") {
    throw systemError("ipvlan interfaces do not support custom mac address assignment");
  }
  const addresses = takeAddresses(book, networkId, network, wanted);
  const settings = endpointSettings({ id, networkId, network, wanted, addresses, container });
  const inFamily = (family: Family): EndpointAddress | null => {
    const address = addresses[family];
    const subnet = address === null ? undefined : subnetAt(network, family, address);
    if (address === null || !subnet) return null;
    const gateway = containerGateway(network, family, address);
    return { address: `${address}/${prefixOf(subnet.subnet)}`, gateway };
  };
  const segment = segmentOf(network);
  const spec: EndpointSpec | null =
    segment === null
      ? null
      : {
          link: network.device?.kind === "bridge" ? "veth" : "upper",
          segment,
          ifname,
          ipv4: inFamily("ipv4"),
          ipv6: inFamily("ipv6"),
          mac: mac === "" ? null : mac.toLowerCase(),
          names: namesOn(network, settings),
          sysctls: sysctlsOf(wanted),
          linkLocal: linkLocalOf(wanted),
        };
  const record = { networkId, networkName: network.name, containerId, containerName: name, settings };
  book.promise(id, record);
  return { id, networkId, network, record, spec };
}

/** An address in each family that the network has, or none at all. */
function takeAddresses(
  { addresses }: NetworkBook,
  networkId: string,
  network: NetworkRecord,
  wanted: EndpointSettings | undefined,
): PerFamily<string | null> {
  const { IPv4Address, IPv6Address } = wanted?.IPAMConfig ?? {};
  const ipv4 = network.ipv4 && addresses.take(networkId, network, "ipv4", IPv4Address || undefined);
  try {
    return { ipv4, ipv6: network.ipv6 && addresses.take(networkId, network, "ipv6", IPv6Address || undefined) };
  } catch (error) {
    if (ipv4 !== null) addresses.give(networkId, ipv4);
    throw error;
  }
}

/** As Go joins errors: one stands alone, several are a list. */
const listed = (complaints: readonly string[]): string =>
  complaints.length === 1 ? `${complaints[0]}` : complaints.map((one) => `* ${one}`).join("\n");

/** Refuses fixed addresses and options where Docker does. */
export function checkEndpoint(network: NetworkRecord, settings: EndpointSettings): void {
  const complaints = [
    ...addressComplaints(network, settings),
    ...linkLocalComplaints(network, settings),
    ...optionComplaints(settings),
  ];
  if (settings.Aliases?.length && isPredefined(network.name)) {
    complaints.push("network-scoped alias is supported only for containers in user defined networks");
  }
  if (complaints.length === 0) return;
  throw invalidArgument(
    `invalid config for network ${network.name}: invalid endpoint settings:\n${listed(complaints)}`,
  );
}

function addressComplaints(network: NetworkRecord, { IPAMConfig }: EndpointSettings): string[] {
  const { IPv4Address, IPv6Address } = IPAMConfig ?? {};
  const wanted = { ipv4: IPv4Address, ipv6: IPv6Address };
  const asked = families.filter((family) => wanted[family]);
  if (asked.length === 0) return [];
  const complaints: string[] = [];
  if (isPredefined(network.name)) {
    complaints.push("user specified IP address is supported on user defined networks only");
  }
  for (const family of asked) complaints.push(...complaintsOf(network, family, wanted[family] ?? ""));
  return complaints;
}

function complaintsOf(network: NetworkRecord, family: Family, text: string): string[] {
  const complaints: string[] = [];
  const address = parseAddress(text);
  if (address?.family !== family) {
    complaints.push(`invalid ${family === "ipv4" ? "IPv4" : "IPv6"} address: ${text}`);
  }
  const subnets = subnetsOf(network, family).flatMap(({ userSubnet, subnet }) =>
    userSubnet ? (parseCidr(subnet)?.cidr ?? []) : [],
  );
  if (subnets.length === 0) {
    complaints.push(
      "user specified IP address is supported only when connecting to networks with user configured subnets",
    );
  } else if (!address || !subnets.some((subnet) => contains(subnet, address))) {
    const shown = address ? addressText(address) : text;
    complaints.push(`no configured subnet or ip-range contain the IP address ${shown}`);
  }
  return complaints;
}
