/** `-p` and `--expose`: port specifications as the API wants them. */
import type { PortMap } from "../../api/host-config.ts";
import { messageOf } from "../../lib/errors.ts";
import { splitPair } from "../../lib/flags.ts";
import { parseUnsigned } from "../../lib/flags-numbers.ts";
import { canonicalAddress } from "./ip-address.ts";

export interface PublishedPorts {
  readonly exposed: Record<string, Record<string, never>>;
  readonly bindings: PortMap;
}

const highestPort = 65535;

/** A port, or `from-to`; throws with the reason. */
function portRange(text: string): [number, number] {
  if (text === "") throw new Error("empty string specified for ports");
  const [from, to = from] = text.split("-").map((part) => parseUnsigned(part, highestPort)) as [number, number?];
  if (to < from) throw new Error(`invalid range specified for port: ${text}`);
  return [from, to];
}

function namedRange(text: string, what: string): [number, number] {
  try {
    return portRange(text);
  } catch {
    throw new Error(`invalid ${what}: ${text}`);
  }
}

/** `port/protocol`; tcp where none is named. */
function splitProtocol(text: string): [port: string, protocol: string] {
  const [port = "", protocol = ""] = text.split("/");
  return port === "" ? ["", ""] : [port, protocol || "tcp"];
}

/** `published=80,target=8080,protocol=udp` written as `80:8080/udp`. */
function inShort(spec: string): string {
  if (!spec.includes("=")) return spec;
  const given: Record<string, string> = { protocol: "tcp" };
  for (const field of spec.split(",")) {
    const [key, value] = splitPair(field);
    if (key === "" || !field.includes("=")) {
      throw new Error(`invalid publish opts format (should be name=value but got '${field}')`);
    }
    given[key] = value;
  }
  return `${given.published ?? ""}:${given.target ?? ""}/${given.protocol}`;
}

/** `address:hostPort:containerPort`, of which only the last must be there. */
function splitSpec(spec: string): [address: string, hostPort: string, containerPort: string] {
  const parts = spec.split(":");
  const [containerPort = "", hostPort = ""] = parts.reverse();
  return [parts.slice(2).reverse().join(":"), hostPort, containerPort];
}

function hostAddress(text: string): string {
  const closed = /^\[([^[\]]*)\]$/.exec(text)?.[1];
  if (text.startsWith("[") && closed === undefined) {
    throw new Error(`invalid IP address ${text}: address ${text}:: missing ']' in address`);
  }
  const address = closed ?? text;
  if (address !== "" && canonicalAddress(address) === null) throw new Error(`invalid IP address: ${address}`);
  return address;
}

/** Adds what one `-p` says to `into`; throws with Docker's words on a bad one. */
export function publishPort(given: string, into: PublishedPorts): void {
  const spec = inShort(given);
  const [rawAddress, hostPart, target] = splitSpec(spec);
  const [containerPart, rawProtocol] = splitProtocol(target);
  const address = hostAddress(rawAddress);
  if (containerPart === "") throw new Error(`no port specified: ${spec}<empty>`);
  const [from, to] = namedRange(containerPart, "containerPort");
  const host = hostPart === "" ? null : namedRange(hostPart, "hostPort");
  const spread = host !== null && host[1] - host[0] === to - from;
  if (host && !spread && from !== to)
    throw new Error(`invalid ranges specified for container and host Ports: ${containerPart} and ${hostPart}`);
  const protocol = rawProtocol.toLowerCase();
  if (!["tcp", "udp", "sctp"].includes(protocol)) throw new Error(`invalid proto: ${rawProtocol}`);
  for (let port = from; port <= to; port++) {
    const key = `${port}/${protocol}`;
    const hostPort = host === null ? "" : spread ? String(host[0] + port - from) : hostPart;
    into.exposed[key] = {};
    const bindings = into.bindings[key] ?? [];
    bindings.push({ HostIp: address, HostPort: hostPort });
    into.bindings[key] = bindings;
  }
}

/** Adds what one `--expose` says. */
export function exposePort(spec: string, into: PublishedPorts): void {
  if (spec.includes(":")) throw new Error(`invalid port format for --expose: ${spec}`);
  const [range, protocol] = splitProtocol(spec);
  let bounds: [number, number];
  try {
    bounds = portRange(range);
  } catch (error) {
    throw new Error(`invalid range format for --expose: ${spec}, error: ${messageOf(error)}`);
  }
  for (let port = bounds[0]; port <= bounds[1]; port++) into.exposed[`${port}/${protocol}`] = {};
}
