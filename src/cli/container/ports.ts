/** `-p` and `--expose`: port specifications as the API wants them. */
import type { PortMap } from "../../api/host-config.ts";

export interface PublishedPorts {
  readonly exposed: Record<string, Record<string, never>>;
  readonly bindings: PortMap;
}

function portRange(text: string, what: string): [number, number] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const from = Number(match?.[1]);
  const to = Number(match?.[2] ?? match?.[1]);
  if (!match || from > to || to > 65535) throw new Error(`invalid ${what}: ${text}`);
  return [from, to];
}

/** Adds what one `-p` says to `into`; throws with Docker's words on a bad one. */
export function publishPort(spec: string, into: PublishedPorts): void {
  const [addresses = "", given = "tcp"] = spec.split("/", 2);
  const protocol = given.toLowerCase();
  if (!["tcp", "udp", "sctp"].includes(protocol)) throw new Error(`invalid proto: ${given}`);
  const at = addresses.lastIndexOf(":");
  const containerPart = addresses.slice(at + 1);
  const before = at < 0 ? "" : addresses.slice(0, at);
  const hostAt = before.startsWith("[") || before.includes(":") ? before.lastIndexOf(":") : -1;
  const hostIp = hostAt < 0 ? (isAddress(before) ? before : "") : before.slice(0, hostAt);
  const hostPart = hostAt < 0 ? (isAddress(before) ? "" : before) : before.slice(hostAt + 1);
  const address = hostIp.replace(/^\[(.*)\]$/, "$1");
  if (address && !isAddress(address)) throw new Error(`invalid IP address: ${address}`);
  if (containerPart === "") throw new Error(`no port specified: ${spec}<empty>`);
  const [from, to] = portRange(containerPart, "containerPort");
  const host = hostPart === "" ? null : portRange(hostPart, "hostPort");
  const spread = host !== null && host[1] - host[0] === to - from;
  if (host && !spread && from !== to)
    throw new Error(`invalid ranges specified for container and host Ports: ${containerPart} and ${hostPart}`);
  for (let port = from; port <= to; port++) {
    const key = `${port}/${protocol}`;
    const hostPort = host === null ? "" : spread ? String(host[0] + port - from) : hostPart;
    into.exposed[key] = {};
    const bindings = into.bindings[key] ?? [];
    bindings.push({ HostIp: address, HostPort: hostPort });
    into.bindings[key] = bindings;
  }
}

function isAddress(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text) || /^\[?[\da-fA-F]*:[\da-fA-F:.]*\]?$/.test(text);
}

/** Adds what one `--expose` says. */
export function exposePort(spec: string, into: PublishedPorts): void {
  if (spec.includes(":")) throw new Error(`invalid port format for --expose: ${spec}`);
  const [range = "", protocol = "tcp"] = spec.split("/", 2);
  let bounds: [number, number];
  try {
    bounds = portRange(range, "port");
  } catch {
    throw new Error(
      `invalid range format for --expose: ${spec}, error: strconv.ParseUint: parsing ${JSON.stringify(range)}: invalid syntax`,
    );
  }
  for (let port = bounds[0]; port <= bounds[1]; port++) into.exposed[`${port}/${protocol}`] = {};
}
