/** What a request to create a network must satisfy, and the record it becomes. */
import type { IPAMConfig, NetworkCreateRequest } from "../api/networks.ts";
import { conflict, forbidden, invalidArgument, notFound, notImplemented } from "../lib/errors.ts";
import { checkFree, type Pool, pickSubnet } from "./ipam.ts";
import { addressText, type Cidr, cidrText, contains, overlap, parseAddress, parseCidr } from "./netd/ipv4.ts";
import type { NetworkRecord } from "./record.ts";

export const predefined = ["bridge", "host", "none"] as const;
export const isPredefined = (name: string): boolean => (predefined as readonly string[]).includes(name);

export interface CreateContext {
  readonly id: string;
  readonly existing: readonly NetworkRecord[];
  readonly pools: readonly Pool[];
  readonly mtu: number;
  /** Networks in use on the host by others. */
  readonly used: readonly Cidr[];
}

const option = "com.docker.network";

/** Driver options that the bridge driver knows; others are refused by name rather than ignored. */
const known = {
  name: `${option}.bridge.name`,
  icc: `${option}.bridge.enable_icc`,
  masquerade: `${option}.bridge.enable_ip_masquerade`,
  hostBinding: `${option}.bridge.host_binding_ipv4`,
  mtu: `${option}.driver.mtu`,
} as const;

/** Checks the request and makes the record; throws `invalidArgument`, `forbidden` or `conflict` in Docker's words. */
export function recordOf(request: NetworkCreateRequest, context: CreateContext): NetworkRecord {
  const { Name: name, Options: options } = request;
  if (name.trim() === "") throw invalidArgument("invalid name: name is empty");
  if (/[\p{Cc}]/u.test(name) || name.length > 256) throw invalidArgument(`invalid name: ${JSON.stringify(name)}`);
  if (isPredefined(name) || name === "default") {
    throw forbidden(`operation is not permitted on predefined ${name} network `);
  }
  const driver = request.Driver || "bridge";
  if (driver === "host" || driver === "null") throw forbidden(`only one instance of "${driver}" network is allowed`);
  if (driver !== "bridge") throw notFound(`plugin "${driver}" not found`);
  if (request.EnableIPv6) throw notImplemented("IPv6 networks are not implemented yet");
  if (request.EnableIPv4 === false) throw invalidArgument("IPv4 or IPv6 must be enabled");
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
  for (const key of Object.keys(options)) {
    if (key.startsWith(`${option}.`) && !(Object.values(known) as string[]).includes(key)) {
      throw notImplemented(`network driver option ${key} is not implemented yet`);
    }
  }
  const device = options[known.name] ?? `br-${context.id.slice(0, 12)}`;
  if (!/^[^\s/:]{1,15}$/.test(device) || device === "." || device === "..") {
    throw invalidArgument(`invalid bridge name: ${JSON.stringify(device)}`);
  }
  const configs = request.IPAM?.Config ?? [];
  if (configs.length > 1) throw invalidArgument("bridge driver supports one IPv4 subnet per network");
  const [config] = configs;
  const subnet = subnetOf(config, context);
  const gateway = gatewayOf(config, subnet);
  const range = rangeOf(config, subnet);
  const reserved = Object.values(config?.AuxiliaryAddresses ?? {});
  for (const address of reserved) inside(address, subnet, "auxiliary address");
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
      Config: config?.Subnet
        ? [{ ...config, Gateway: config.Gateway ?? addressText(gateway) }]
        : [{ Subnet: cidrText(subnet), Gateway: addressText(gateway) }],
    },
    bridge: {
      device,
      subnet: cidrText(subnet),
      gateway: addressText(gateway),
      range: cidrText(range),
      reserved,
      mtu: numberOption(options[known.mtu], context.mtu),
      icc: booleanOption(known.icc, options[known.icc], true),
      masquerade: booleanOption(known.masquerade, options[known.masquerade], true),
      hostBinding: options[known.hostBinding] ?? "",
      userSubnet: Boolean(config?.Subnet),
    },
  };
}

function subnetOf(config: IPAMConfig | undefined, context: CreateContext): Cidr {
  const own = context.existing.flatMap((other) => (other.bridge ? [parseCidr(other.bridge.subnet)?.cidr] : []));
  const used = [...own.filter((cidr) => cidr !== undefined), ...context.used];
  if (!config?.Subnet) {
    if (config?.Gateway || config?.IPRange) {
      throw invalidArgument("invalid network config:\nevery ip-range or gateway must have a corresponding subnet");
    }
    return pickSubnet(context.pools, used);
  }
  const bad = (reason: string) =>
    invalidArgument(`invalid network config:\ninvalid subnet ${config.Subnet}: ${reason}`);
  const parsed = parseCidr(config.Subnet);
  if (!parsed && config.Subnet.includes(":")) throw notImplemented("IPv6 networks are not implemented yet");
  if (!parsed) throw bad("invalid CIDR block notation");
  if (parsed.address !== parsed.cidr.base) throw bad(`it should be ${cidrText(parsed.cidr)}`);
  if (parsed.cidr.prefix > 30) throw bad("too small for a gateway and a container");
  checkFree(parsed.cidr, used);
  return parsed.cidr;
}

function inside(text: string, subnet: Cidr, what: string): number {
  const address = parseAddress(text);
  if (address === undefined) throw invalidArgument(`invalid network config:\ninvalid ${what} ${text}: invalid address`);
  if (!contains(subnet, address)) {
    throw invalidArgument(
      `invalid network config:\ninvalid ${what} ${text}: parent subnet ${cidrText(subnet)} does not contain it`,
    );
  }
  return address;
}

function gatewayOf(config: IPAMConfig | undefined, subnet: Cidr): number {
  return config?.Gateway ? inside(config.Gateway, subnet, "gateway") : subnet.base + 1;
}

function rangeOf(config: IPAMConfig | undefined, subnet: Cidr): Cidr {
  if (!config?.IPRange) return subnet;
  const parsed = parseCidr(config.IPRange);
  if (!parsed || !overlap(parsed.cidr, subnet) || parsed.cidr.prefix < subnet.prefix) {
    throw invalidArgument(
      `invalid network config:\ninvalid ip-range ${config.IPRange}: parent subnet ${cidrText(subnet)} does not contain it`,
    );
  }
  return parsed.cidr;
}

function booleanOption(name: string, text: string | undefined, fallback: boolean): boolean {
  if (text === undefined || text === "") return fallback;
  if (["1", "t", "true", "T", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "false", "F", "FALSE", "False"].includes(text)) return false;
  throw invalidArgument(`failed to parse ${name} value: ${JSON.stringify(text)}`);
}

function numberOption(text: string | undefined, fallback: number): number {
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 68 || value > 65535)
    throw invalidArgument(`invalid MTU: ${JSON.stringify(text)}`);
  return value;
}
