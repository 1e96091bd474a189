/** `--network` and its companions: what a container is connected to, and how. */
import type { EndpointSettings } from "../../api/networks.ts";
import { splitCsv, splitPair } from "../../lib/flags.ts";
import type { CreateFlags } from "./create-flags.ts";
import { orNull } from "./or-null.ts";

/** The network of a plain name, or of `name=NETWORK,key=value`. */
export function networkName(spec: string): string {
  if (!/(^|,)name=/.test(spec)) return spec;
  return (
    splitCsv(spec)
      .map((field) => splitPair(field))
      .find(([key]) => key === "name")?.[1] ?? spec
  );
}

/** The endpoint of every network given; that of `default` when none is. */
export function endpoints(flags: CreateFlags): Record<string, Partial<EndpointSettings>> {
  const specs = [...flags.network, ...flags.net];
  if (specs.length === 0) specs.push("default");
  const result: Record<string, Partial<EndpointSettings>> = {};
  for (const [i, spec] of specs.entries()) {
    const endpoint: Partial<EndpointSettings> = i === 0 ? firstEndpoint(flags) : {};
    const name = networkName(spec);
    if (/(^|,)name=/.test(spec)) networkOptions(spec, endpoint);
    if (result[name]) throw new Error(`network ${JSON.stringify(name)} is specified multiple times`);
    const plain = ["default", "bridge", "host", "none"].includes(name) || name.startsWith("container:");
    if (plain && [...flags["network-alias"], ...flags["net-alias"]].length > 0) {
      throw new Error("network-scoped aliases are only supported for user-defined networks");
    }
    result[name] = endpoint;
  }
  return result;
}

function firstEndpoint(flags: CreateFlags): Partial<EndpointSettings> {
  const aliases = [...flags["network-alias"], ...flags["net-alias"]];
  const addresses = {
    ...(flags.ip && { IPv4Address: flags.ip }),
    ...(flags.ip6 && { IPv6Address: flags.ip6 }),
    ...(flags["link-local-ip"].length > 0 && { LinkLocalIPs: flags["link-local-ip"] }),
  };
  const named = flags.network.length + flags.net.length > 0;
  return {
    IPAMConfig: Object.keys(addresses).length > 0 ? addresses : null,
    Links: named ? orNull(flags.link) : null,
    Aliases: orNull(aliases),
    MacAddress: flags["mac-address"],
  };
}

function networkOptions(spec: string, endpoint: Partial<EndpointSettings>): void {
  for (const field of splitCsv(spec)) {
    const [key, value] = splitPair(field);
    if (key === "name") continue;
    if (key === "alias") endpoint.Aliases = [...(endpoint.Aliases ?? []), value];
    else if (key === "ip") endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv4Address: value };
    else if (key === "ip6") endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv6Address: value };
    else if (key === "mac-address") endpoint.MacAddress = value;
    else if (key === "gw-priority") endpoint.GwPriority = Number(value);
    else if (key === "link-local-ip") {
      endpoint.IPAMConfig = {
        ...endpoint.IPAMConfig,
        LinkLocalIPs: [...(endpoint.IPAMConfig?.LinkLocalIPs ?? []), value],
      };
    } else if (key === "driver-opt") {
      endpoint.DriverOpts = { ...endpoint.DriverOpts, [splitPair(value)[0]]: splitPair(value)[1] };
    } else throw new Error(`invalid field ${key}`);
  }
}
