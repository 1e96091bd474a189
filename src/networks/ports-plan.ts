/** From Docker's port bindings to what netd is asked for, and back. */
import { isIP } from "node:net";
import type { PortBinding, PortMap } from "../api/networks.ts";
import { invalidArgument } from "../lib/errors.ts";
import { type Family, families, familyOf } from "./netd/ip.ts";
import type { GatewayMode, PerFamily, PortBind, PortSpec, Protocol, PublishedPort } from "./netd/protocol.ts";

/** How a container is reached in one family. */
export interface Way {
  /** The container's address. */
  readonly address: string;
  readonly mode: GatewayMode;
  /** Host address for bindings that name none. */
  readonly hostBinding: string;
}

export interface PortsInput {
  readonly bindings: PortMap;
  readonly exposed: readonly string[];
  readonly publishAll: boolean;
  readonly ways: PerFamily<Way | null>;
  /** True where a proxy may lead IPv6 clients to an IPv4 container. */
  readonly proxies: boolean;
}

/** The ports to publish: those with a fixed host port first, so that no free choice takes one of them. */
export function planPorts(input: PortsInput): PortSpec[] {
  const specs: PortSpec[] = [];
  for (const [key, bindings] of Object.entries(input.bindings)) {
    for (const binding of bindings ?? []) specs.push(specOf(key, binding, input));
  }
  if (input.publishAll) {
    for (const key of input.exposed) {
      if ((input.bindings[key] ?? []).length === 0) specs.push(specOf(key, { HostIp: "", HostPort: "" }, input));
    }
  }
  return specs.filter(({ binds }) => binds.length > 0).sort((a, b) => freedom(a) - freedom(b));
}

const freedom = ({ first, last }: PortSpec): number => (first === 0 ? 65536 : last - first);

function specOf(key: string, binding: PortBinding, input: PortsInput): PortSpec {
  const { port, protocol } = parsePort(key);
  const host = binding.HostIp ?? "";
  if (host !== "" && isIP(host) === 0) throw invalidArgument(`invalid host address in port binding: ${host}`);
  const range = /^(?:(\d+)(?:-(\d+))?)?$/.exec(binding.HostPort ?? "");
  const first = Number(range?.[1] ?? 0);
  const last = Number(range?.[2] ?? first);
  if (!range || first > 65535 || last > 65535 || last < first) {
    throw invalidArgument(`invalid port specification: "${binding.HostPort}"`);
  }
  // There is no proxy that speaks SCTP.
  const proxies = input.proxies && protocol !== "sctp";
  const binds = families.flatMap((family) => bindIn(family, host, { ...input, proxies }) ?? []);
  return { protocol, port, first, last, binds };
}

const anyAddress = { ipv4: "0.0.0.0", ipv6: "::" } as const;

/** Where one family's clients find the port; null where they do not. IPv6 clients reach an IPv4 container by a proxy. */
function bindIn(family: Family, host: string, { ways, proxies }: PortsInput): PortBind | null {
  const way = ways[family] ?? (family === "ipv6" && proxies ? ways.ipv4 : null);
  if (!way) return null;
  const { address, hostBinding } = way;
  const isOpened = way.mode !== "nat" && way.mode !== "nat-unprotected";
  if (isOpened && way !== ways[family]) return null;
  const wanted = host || hostBinding;
  const everywhere = host === "" && hostBinding === "0.0.0.0";
  if (familyOf(wanted) !== family && !(everywhere && family === "ipv6")) return null;
  if (isOpened) return { host: anyAddress[family], address, opened: true };
  if (familyOf(wanted) === family) return { host: wanted, address };
  return { host: anyAddress.ipv6, address, optional: true };
}

/** `80/tcp`, the protocol tcp when it is left out. */
export function parsePort(key: string): { port: number; protocol: Protocol } {
  const [, digits = "", protocol = "tcp"] = /^(\d{1,5})(?:\/(\w+))?$/.exec(key) ?? [];
  const port = Number(digits);
  if (port < 1 || port > 65535) throw invalidArgument(`invalid port specification: "${key}"`);
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp") {
    throw invalidArgument(`invalid proto: ${protocol}`);
  }
  return { port, protocol };
}

/** What inspect shows: published ports, and null for those only exposed. */
export function portMapOf(published: readonly PublishedPort[], exposed: readonly string[]): PortMap {
  const map: PortMap = {};
  for (const key of exposed) map[key] = null;
  for (const { protocol, port, host, hostPort } of published) {
    const key = `${port}/${protocol}`;
    map[key] = [...(map[key] ?? []), { HostIp: host, HostPort: hostPort === 0 ? "" : String(hostPort) }];
  }
  return map;
}
