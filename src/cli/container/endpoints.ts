/** `--network` and its companions: what a container is connected to, and how. */
import type { EndpointSettings } from "../../api/networks.ts";
import { splitCsv, splitPair } from "../../lib/flags.ts";
import type { CreateFlags } from "./create-flags.ts";
import { checkMacAddress } from "./name-checks.ts";
import { orNull } from "./or-null.ts";

/** One `--network`: a network, and what its endpoint is to be like. */
export interface NetworkSpec {
  readonly name: string;
  readonly endpoint: Partial<EndpointSettings>;
}

/** Parses a plain name or `name=NETWORK,key=value`; throws with the reason. */
export function parseNetwork(text: string): NetworkSpec {
  if (!/\w=\w/.test(text)) return { name: text, endpoint: {} };
  const endpoint: Partial<EndpointSettings> = {};
  let name = "";
  for (const field of splitCsv(text)) {
    const [rawKey, rawValue] = splitPair(field);
    if (rawKey === "" || !field.includes("=")) throw new Error(`invalid field ${field}`);
    const key = rawKey.trim().toLowerCase();
    const value = rawValue.trim();
    if (key === "name") name = value;
    else setOption(endpoint, key, value);
  }
  if (name === "") throw new Error("network name/id is not specified");
  return { name, endpoint };
}

function setOption(endpoint: Partial<EndpointSettings>, key: string, value: string): void {
  if (key === "alias") endpoint.Aliases = [...(endpoint.Aliases ?? []), value];
  else if (key === "ip") endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv4Address: value };
  else if (key === "ip6") endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv6Address: value };
  else if (key === "mac-address") endpoint.MacAddress = value;
  else if (key === "gw-priority") {
    if (!/^[+-]?\d+$/.test(value)) throw new Error(`invalid gw-priority (${value}): invalid syntax`);
    endpoint.GwPriority = Number(value);
  } else if (key === "link-local-ip") {
    endpoint.IPAMConfig = {
      ...endpoint.IPAMConfig,
      LinkLocalIPs: [...(endpoint.IPAMConfig?.LinkLocalIPs ?? []), value],
    };
  } else if (key === "driver-opt") {
    const [option, setting] = splitPair(value);
    if (option === "" || !value.includes("=")) throw new Error("invalid key value pair format in driver options");
    endpoint.DriverOpts = { ...endpoint.DriverOpts, [option.trim().toLowerCase()]: setting.trim() };
  } else throw new Error(`invalid field key ${key}`);
}

const isUserDefined = (name: string): boolean =>
  !["default", "bridge", "host", "none"].includes(name) && !name.startsWith("container:");

/** The endpoint of every network given; that of `default` when none is. */
export function endpoints(flags: CreateFlags): Record<string, Partial<EndpointSettings>> {
  const specs = [...flags.network, ...flags.net].map(parseNetwork);
  const named = specs.length > 0;
  if (!named) specs.push({ name: "default", endpoint: {} });
  const result: Record<string, Partial<EndpointSettings>> = {};
  for (const [i, { name, endpoint: own }] of specs.entries()) {
    const endpoint = i === 0 ? firstEndpoint(flags, own, named) : own;
    if (name.trim() === "") throw new Error("no name set for network");
    if (!isUserDefined(name) && (endpoint.Aliases?.length ?? 0) > 0) {
      throw new Error("network-scoped aliases are only supported for user-defined networks");
    }
    if (endpoint.MacAddress) checkMacAddress(endpoint.MacAddress);
    if (result[name]) throw new Error(`network ${JSON.stringify(name)} is specified multiple times`);
    result[name] = endpoint;
  }
  if (new Set(specs.map(({ name }) => isUserDefined(name))).size > 1) {
    throw new Error("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
  }
  return result;
}

/** The first network takes what the container's own flags say, which may not be said twice. */
function firstEndpoint(flags: CreateFlags, own: NetworkSpec["endpoint"], named: boolean): Partial<EndpointSettings> {
  const aliases = [...flags["network-alias"], ...flags["net-alias"]];
  const twice: [given: unknown, own: unknown, flag: string, words: string][] = [
    [aliases.length, own.Aliases?.length, "--network-alias", "per-network alias"],
    [flags.ip, own.IPAMConfig?.IPv4Address, "--ip", "per-network IPv4 address"],
    [flags.ip6, own.IPAMConfig?.IPv6Address, "--ip6", "per-network IPv6 address"],
    [flags["mac-address"], own.MacAddress, "--mac-address", "per-network MAC address"],
    [
      flags["link-local-ip"].length,
      own.IPAMConfig?.LinkLocalIPs,
      "--link-local-ip",
      "per-network link-local IP addresses",
    ],
  ];
  for (const [given, inside, flag, words] of twice) {
    if (given && inside) throw new Error(`conflicting options: cannot specify both ${flag} and ${words}`);
  }
  const addresses = {
    ...own.IPAMConfig,
    ...(flags.ip && { IPv4Address: flags.ip }),
    ...(flags.ip6 && { IPv6Address: flags.ip6 }),
    ...(flags["link-local-ip"].length > 0 && { LinkLocalIPs: flags["link-local-ip"] }),
  };
  return {
    ...own,
    IPAMConfig: Object.keys(addresses).length > 0 ? addresses : null,
    Links: named ? orNull(flags.link) : null,
    Aliases: own.Aliases ?? orNull(aliases),
    MacAddress: own.MacAddress ?? flags["mac-address"],
  };
}
