/** What a request to create a network must satisfy, and the record it becomes. */
import type { IPAMConfig, NetworkCreateRequest } from "../api/networks.ts";
import { conflict, forbidden, invalidArgument, notFound } from "../lib/errors.ts";
import { bridgeOptions, enableOption } from "./bridge-options.ts";
import { checkConfigOnly, withConfiguration } from "./config-networks.ts";
import { isRouted } from "./endpoints.ts";
import { checkFree, edgesOf, type Pool, pickSubnet } from "./ipam.ts";
import {
  addressText,
  type Cidr,
  cidrText,
  contains,
  type Family,
  familyOf,
  firstOf,
  type IpAddress,
  parseAddress,
  parseCidr,
  widthOf,
} from "./netd/ip.ts";
import { type Addressing, type NetworkRecord, type Subnet, subnetsOf } from "./record.ts";
import { isUpperDriver, upperDevice } from "./upper-options.ts";

export const predefined = ["bridge", "host", "none"] as const;
export const isPredefined = (name: string): boolean => (predefined as readonly string[]).includes(name);

export interface CreateContext {
  readonly id: string;
  /** By id. */
  readonly existing: ReadonlyMap<string, NetworkRecord>;
  readonly pools: readonly Pool[];
  readonly mtu: number;
  /** Options of networks that name none of their own, by driver. */
  readonly defaults: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Networks in use on the host by others. */
  readonly used: readonly Cidr[];
}

/** Checks the request and makes the record; throws `invalidArgument`, `forbidden` or `conflict` in Docker's words. */
export function recordOf(asked: NetworkCreateRequest, context: CreateContext): NetworkRecord {
  checkRequest(asked, context);
  const request = withConfiguration(asked, [...context.existing.values()]);
  const options = effectiveOptions(request, context.defaults[request.Driver || "bridge"] ?? {});
  const carried = {
    ipv4: request.EnableIPv4 ?? enableOption(options, "ipv4") ?? true,
    ipv6: request.EnableIPv6 ?? enableOption(options, "ipv6") ?? false,
  };
  if (!carried.ipv4 && !carried.ipv6) throw invalidArgument("IPv4 or IPv6 must be enabled");
  const record = {
    name: request.Name,
    created: new Date().toISOString(),
    internal: request.Internal,
    attachable: request.Attachable,
    labels: request.Labels,
    options,
    ...(request.ConfigFrom?.Network ? { configFrom: request.ConfigFrom.Network } : {}),
  };
  const given = (request.IPAM?.Config ?? []).filter(({ Subnet }) => Subnet);
  const ipam = { Driver: "default", Options: request.IPAM?.Options ?? {} };
  if (request.ConfigOnly) {
    for (const config of request.IPAM?.Config ?? []) checkConfig(config);
    const nothing = { ipv4: null, ipv6: null, device: null };
    return { ...record, driver: "null", configuration: carried, ipam: { ...ipam, Config: given }, ...nothing };
  }
  const device = deviceOf(request, options, context);
  const configs = configsByFamily(request.IPAM?.Config ?? [], carried, device.kind);
  const network = { device, internal: request.Internal };
  const inFamily = (family: Family): Addressing | null =>
    carried[family] ? addressingOf(family, configs[family] ?? [], network, context) : null;
  const [ipv4, ipv6] = [inFamily("ipv4"), inFamily("ipv6")];
  const chosen = [ipv4, ipv6].flatMap((one) => (one && !one.userSubnet ? [configOf(one)] : []));
  return { ...record, driver: device.kind, ipam: { ...ipam, Config: [...given, ...chosen] }, ipv4, ipv6, device };
}

type Device = NonNullable<NetworkRecord["device"]>;

function deviceOf({ Driver, Internal }: NetworkCreateRequest, options: Options, context: CreateContext): Device {
  if (isUpperDriver(Driver)) return upperDevice(Driver, options, context);
  return { kind: "bridge", ...bridgeOptions(options, { id: context.id, mtu: context.mtu, internal: Internal }) };
}

function checkRequest(request: NetworkCreateRequest, context: CreateContext): void {
  const { Name: name } = request;
  if (name.trim() === "") throw invalidArgument("invalid name: name is empty");
  if (/[\p{Cc}]/u.test(name) || name.length > 256) throw invalidArgument(`invalid name: ${JSON.stringify(name)}`);
  if (isPredefined(name) || name === "default") {
    throw forbidden(`operation is not permitted on predefined ${name} network `);
  }
  if ([...context.existing.values()].some((other) => other.name === name)) {
    throw conflict(`network with name ${name} already exists`);
  }
  // What a configuration is for is not looked at before a network is made from it.
  if (request.ConfigOnly) {
    checkConfigOnly(request);
    return;
  }
  const driver = request.Driver || "bridge";
  if (driver === "host" || driver === "null") throw forbidden(`only one instance of "${driver}" network is allowed`);
  if (driver !== "bridge" && !isUpperDriver(driver)) throw notFound(`plugin "${driver}" not found`);
  if (request.Ingress || (request.Scope !== "" && request.Scope !== "local")) {
    if (request.Ingress) throw forbidden("Ingress network can only be global scope network");
    if (request.Scope === "swarm") throw forbidden("cannot create a swarm scoped network when swarm is not active");
    throw invalidArgument(
      `invalid scope ${JSON.stringify(request.Scope)}: only networks of scope local can be created`,
    );
  }
  // Of a network made from a configuration another address driver is refused with the rest that it may not have.
  if (request.IPAM && !["", "default"].includes(request.IPAM.Driver) && !request.ConfigFrom?.Network) {
    if (request.IPAM.Driver === "null") {
      const asksFor = (request.IPAM.Config ?? []).some(({ Subnet }) => Subnet);
      throw invalidArgument(
        asksFor ? "null ipam driver does not handle specific address pool requests" : "ipv4 pool is empty",
      );
    }
    throw notFound(`plugin "${request.IPAM.Driver}" not found`);
  }
}

/** Looks at the form of a configuration alone: nothing is taken yet. */
function checkConfig(config: IPAMConfig): void {
  if (!config.Subnet) return;
  const subnet = parsedSubnet(config.Subnet);
  rangeOf(config, subnet);
  if (config.Gateway) inside(config.Gateway, subnet, "gateway");
  for (const text of Object.values(config.AuxiliaryAddresses ?? {})) inside(text, subnet, "auxiliary address");
}

type Options = Readonly<Record<string, string>>;

/** A word of the request itself goes before the option of the same meaning, which is then gone. */
function effectiveOptions(
  { Options, EnableIPv4, EnableIPv6 }: NetworkCreateRequest,
  defaults: Readonly<Record<string, string>>,
): Record<string, string> {
  const options = { ...defaults, ...Options };
  if (EnableIPv4 !== undefined && EnableIPv4 !== null) delete options["com.docker.network.enable_ipv4"];
  if (EnableIPv6 !== undefined && EnableIPv6 !== null) delete options["com.docker.network.enable_ipv6"];
  return options;
}

/** How a subnet that the user did not choose is shown. */
function configOf({ subnet, gateway }: Addressing): IPAMConfig {
  return gateway === null ? { Subnet: subnet } : { Subnet: subnet, Gateway: gateway };
}

type Carried = Readonly<Record<Family, boolean>>;

/** The configurations of each family that the network carries, of a bridge one; those of other families are passed over. */
function configsByFamily(
  configs: readonly IPAMConfig[],
  carried: Carried,
  driver: Device["kind"],
): Partial<Record<Family, IPAMConfig[]>> {
  const byFamily: Partial<Record<Family, IPAMConfig[]>> = {};
  for (const config of configs) {
    if (!config.Subnet) {
      if (config.Gateway || config.IPRange) {
        throw invalidArgument("invalid network config:\nevery ip-range or gateway must have a corresponding subnet");
      }
      continue;
    }
    const family = familyOf(config.Subnet);
    if (!carried[family]) continue;
    const before = byFamily[family] ?? [];
    if (before.length > 0 && driver === "bridge") {
      throw invalidArgument("bridge driver doesn't support multiple subnets");
    }
    byFamily[family] = [...before, config];
  }
  return byFamily;
}

type Made = Pick<NetworkRecord, "internal"> & { readonly device: Device };

function addressingOf(
  family: Family,
  configs: readonly IPAMConfig[],
  network: Made,
  context: CreateContext,
): Addressing {
  const subnets: Subnet[] = [];
  for (const config of configs) subnets.push(subnetFrom(family, config, network, context, subnets));
  const [first = subnetFrom(family, undefined, network, context, []), ...further] = subnets;
  return further.length === 0 ? first : { ...first, further };
}

/** `before` are other subnets of the same network. */
function subnetFrom(
  family: Family,
  config: IPAMConfig | undefined,
  network: Made,
  context: CreateContext,
  before: readonly Subnet[],
): Subnet {
  const subnet = freeSubnet(family, config, network.device, context, before);
  const range = rangeOf(config, subnet);
  const taken = new Set(edgesOf(subnet));
  const claim = (address: IpAddress, what: string): string => {
    if (taken.has(address.value)) throw invalidArgument(`failed to allocate ${what}: Address already in use`);
    taken.add(address.value);
    return addressText(address);
  };
  const gateway = config?.Gateway || needsGateway(family, network) ? gatewayOf(config, subnet, range) : null;
  const led = gateway && claim(gateway, `gateway (${addressText(gateway)})`);
  const reserved = Object.entries(config?.AuxiliaryAddresses ?? {}).map(([name, text]) =>
    claim(inside(text, subnet, "auxiliary address"), `secondary ip address (${name}:${text})`),
  );
  return {
    subnet: cidrText(subnet),
    gateway: led,
    range: cidrText(range),
    reserved,
    userSubnet: config !== undefined,
  };
}

/** A gateway is an address kept from containers, where they have one to send to. */
function needsGateway(family: Family, { device, internal }: Made): boolean {
  if (device.kind === "bridge") return device.modes[family] !== "isolated";
  return !internal && !isRouted({ device });
}

function freeSubnet(
  family: Family,
  config: IPAMConfig | undefined,
  device: Device,
  context: CreateContext,
  before: readonly Subnet[],
): Cidr {
  const others = [...context.existing.values()].flatMap((other) => subnetsOf(other, family));
  const own = [...others, ...before].flatMap(({ subnet }) => parseCidr(subnet)?.cidr ?? []);
  if (!config?.Subnet) return pickSubnet(family, context.pools, [...own, ...context.used]);
  const subnet = parsedSubnet(config.Subnet);
  // The parent's own network is what such a network is mostly for: the host has it already.
  checkFree(subnet, device.kind === "bridge" ? [...own, ...context.used] : own);
  return subnet;
}

function parsedSubnet(text: string): Cidr {
  const bad = (reason: string) => invalidArgument(`invalid network config:\ninvalid subnet ${text}: ${reason}`);
  const parsed = parseCidr(text);
  if (!parsed) throw bad("invalid CIDR block notation");
  if (parsed.address.value !== parsed.cidr.base) throw bad(`it should be ${cidrText(parsed.cidr)}`);
  // Two addresses do (RFC 3021, RFC 6164).
  if (parsed.cidr.prefix > widthOf(parsed.cidr.family) - 1) throw bad("too small for a gateway and a container");
  return parsed.cidr;
}

function inside(text: string, subnet: Cidr, what: string): IpAddress {
  const address = parseAddress(text);
  if (!address) throw invalidArgument(`invalid network config:\ninvalid ${what} ${text}: invalid address`);
  if (!contains(subnet, address)) {
    throw invalidArgument(
      `invalid network config:\ninvalid ${what} ${text}: parent subnet ${cidrText(subnet)} does not contain it`,
    );
  }
  return address;
}

/** The one that was asked for, or the first address of the range that somebody can have. */
function gatewayOf(config: IPAMConfig | undefined, subnet: Cidr, range: Cidr): IpAddress {
  if (config?.Gateway) return inside(config.Gateway, subnet, "gateway");
  const first = firstOf(range);
  return edgesOf(subnet).includes(first.value) ? { ...first, value: first.value + 1n } : first;
}

function rangeOf(config: IPAMConfig | undefined, subnet: Cidr): Cidr {
  if (!config?.IPRange) return subnet;
  const parsed = parseCidr(config.IPRange);
  if (!parsed || !contains(subnet, firstOf(parsed.cidr)) || parsed.cidr.prefix < subnet.prefix) {
    throw invalidArgument(
      `invalid network config:\ninvalid ip-range ${config.IPRange}: parent subnet ${cidrText(subnet)} does not contain it`,
    );
  }
  return parsed.cidr;
}
