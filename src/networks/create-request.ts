/** What a request to create a network must satisfy, and the record it becomes. */
import type { IPAMConfig, NetworkCreateRequest } from "../api/networks.ts";
import { conflict, forbidden, invalidArgument, notFound, notImplemented } from "../lib/errors.ts";
import { bridgeOptions, enableOption } from "./bridge-options.ts";
import { checkFree, type Pool, pickSubnet } from "./ipam.ts";
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
import type { GatewayMode } from "./netd/protocol.ts";
import type { Addressing, NetworkRecord } from "./record.ts";

export const predefined = ["bridge", "host", "none"] as const;
export const isPredefined = (name: string): boolean => (predefined as readonly string[]).includes(name);

export interface CreateContext {
  readonly id: string;
  readonly existing: readonly NetworkRecord[];
  readonly pools: readonly Pool[];
  readonly mtu: number;
  /** Options of networks that name none of their own, by driver. */
  readonly defaults: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Networks in use on the host by others. */
  readonly used: readonly Cidr[];
}

/** Checks the request and makes the record; throws `invalidArgument`, `forbidden` or `conflict` in Docker's words. */
export function recordOf(request: NetworkCreateRequest, context: CreateContext): NetworkRecord {
  const { Name: name } = request;
  checkRequest(request, context);
  const options = effectiveOptions(request, context.defaults.bridge ?? {});
  const carried = {
    ipv4: request.EnableIPv4 ?? enableOption(options, "ipv4") ?? true,
    ipv6: request.EnableIPv6 ?? enableOption(options, "ipv6") ?? false,
  };
  if (!carried.ipv4 && !carried.ipv6) throw invalidArgument("IPv4 or IPv6 must be enabled");
  const bridge = bridgeOptions(options, { id: context.id, mtu: context.mtu, internal: request.Internal });
  const configs = configsByFamily(request.IPAM?.Config ?? [], carried);
  const inFamily = (family: Family): Addressing | null =>
    carried[family] ? addressingOf(family, configs[family], bridge.modes[family], context) : null;
  const [ipv4, ipv6] = [inFamily("ipv4"), inFamily("ipv6")];
  const chosen = [ipv4, ipv6].flatMap((one) => (one && !one.userSubnet ? [configOf(one)] : []));
  return {
    name,
    driver: "bridge",
    created: new Date().toISOString(),
    internal: request.Internal,
    attachable: request.Attachable,
    labels: request.Labels,
    options,
    ipam: {
      Driver: "default",
      Options: request.IPAM?.Options ?? {},
      Config: [...(request.IPAM?.Config ?? []).filter(({ Subnet }) => Subnet), ...chosen],
    },
    ipv4,
    ipv6,
    device: { kind: "bridge", ...bridge },
  };
}

function checkRequest(request: NetworkCreateRequest, context: CreateContext): void {
  const { Name: name } = request;
  if (name.trim() === "") throw invalidArgument("invalid name: name is empty");
  if (/[\p{Cc}]/u.test(name) || name.length > 256) throw invalidArgument(`invalid name: ${JSON.stringify(name)}`);
  if (isPredefined(name) || name === "default") {
    throw forbidden(`operation is not permitted on predefined ${name} network `);
  }
  const driver = request.Driver || "bridge";
  if (driver === "host" || driver === "null") throw forbidden(`only one instance of "${driver}" network is allowed`);
  if (driver !== "bridge") throw notFound(`plugin "${driver}" not found`);
  if (request.ConfigOnly || request.ConfigFrom?.Network) {
    throw notImplemented("configuration-only networks are not implemented yet");
  }
  if (request.Ingress || (request.Scope !== "" && request.Scope !== "local")) {
    throw invalidArgument("this node is not a swarm manager: only networks of scope local can be created");
  }
  if (request.IPAM && !["", "default"].includes(request.IPAM.Driver)) {
    throw invalidArgument(`could not resolve plugin "${request.IPAM.Driver}"`);
  }
  if (context.existing.some((other) => other.name === name)) {
    throw conflict(`network with name ${name} already exists`);
  }
}

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

/** The one configuration of each family that the network carries; those of a family that it does not are passed over. */
function configsByFamily(configs: readonly IPAMConfig[], carried: Carried): Partial<Record<Family, IPAMConfig>> {
  const byFamily: Partial<Record<Family, IPAMConfig>> = {};
  for (const config of configs) {
    if (!config.Subnet) {
      if (config.Gateway || config.IPRange) {
        throw invalidArgument("invalid network config:\nevery ip-range or gateway must have a corresponding subnet");
      }
      continue;
    }
    const family = familyOf(config.Subnet);
    if (!carried[family]) continue;
    if (byFamily[family]) throw invalidArgument("bridge driver doesn't support multiple subnets");
    byFamily[family] = config;
  }
  return byFamily;
}

function addressingOf(
  family: Family,
  config: IPAMConfig | undefined,
  mode: GatewayMode,
  context: CreateContext,
): Addressing {
  const subnet = subnetOf(family, config, context);
  const range = rangeOf(config, subnet);
  const reserved = Object.values(config?.AuxiliaryAddresses ?? {}).map((text) =>
    addressText(inside(text, subnet, "auxiliary address")),
  );
  return {
    subnet: cidrText(subnet),
    gateway: mode === "isolated" ? null : addressText(gatewayOf(config, subnet)),
    range: cidrText(range),
    reserved,
    userSubnet: config !== undefined,
  };
}

function subnetOf(family: Family, config: IPAMConfig | undefined, context: CreateContext): Cidr {
  const own = context.existing.flatMap((other) => parseCidr(other[family]?.subnet ?? "")?.cidr ?? []);
  const used = [...own, ...context.used];
  if (!config?.Subnet) return pickSubnet(family, context.pools, used);
  const bad = (reason: string) =>
    invalidArgument(`invalid network config:\ninvalid subnet ${config.Subnet}: ${reason}`);
  const parsed = parseCidr(config.Subnet);
  if (!parsed) throw bad("invalid CIDR block notation");
  if (parsed.address.value !== parsed.cidr.base) throw bad(`it should be ${cidrText(parsed.cidr)}`);
  if (parsed.cidr.prefix > widthOf(family) - 2) throw bad("too small for a gateway and a container");
  checkFree(parsed.cidr, used);
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

function gatewayOf(config: IPAMConfig | undefined, subnet: Cidr): IpAddress {
  if (config?.Gateway) return inside(config.Gateway, subnet, "gateway");
  return { ...firstOf(subnet), value: subnet.base + 1n };
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
