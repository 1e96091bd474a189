/** `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, the short form of a port, with ranges. */
import { isIP } from "node:net";
import { invalidArgument } from "../../lib/errors.ts";

export interface PortSpec {
  readonly hostIp: string;
  /** "" when the engine picks; a range stays one when it is for a single container port. */
  readonly published: string;
  readonly target: number;
  readonly protocol: string;
}

const highest = 65_535;

/** One for each container port, in the order of Compose (as texts). Throws `invalidArgument` in Docker's words. */
export function parsePort(spec: string): PortSpec[] {
  const parts = spec.split(":");
  const container = parts.pop() ?? "";
  const host = parts.pop() ?? "";
  const address = readAddress(parts.join(":"));
  const [port = "", protocol = "tcp"] = container.split("/");
  if (port === "") throw invalidArgument(`no port specified: ${spec}<empty>`);
  const targets = readRange(port, "containerPort");
  const hosts = host === "" ? null : readRange(host, "hostPort");
  const isSpread = hosts !== null && hosts.last - hosts.first === targets.last - targets.first;
  if (hosts && !isSpread && targets.first !== targets.last) {
    throw invalidArgument(`invalid ranges specified for container and host Ports: ${port} and ${host}`);
  }
  const lower = protocol.toLowerCase();
  if (!["tcp", "udp", "sctp"].includes(lower)) throw invalidArgument(`invalid proto: ${protocol}`);
  const published = (offset: number): string => (hosts === null ? "" : isSpread ? String(hosts.first + offset) : host);
  const all = Array.from({ length: targets.last - targets.first + 1 }, (_, i) => ({
    hostIp: address,
    published: published(i),
    target: targets.first + i,
    protocol: lower,
  }));
  return all.sort((a, b) => (String(a.target) < String(b.target) ? -1 : 1));
}

function readAddress(text: string): string {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (bare !== "" && isIP(bare) === 0) throw invalidArgument(`invalid IP address: ${bare}`);
  return bare;
}

function readRange(text: string, what: string): { readonly first: number; readonly last: number } {
  const [, from = "", to = from] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === "" || last < first || last > highest) throw invalidArgument(`invalid ${what}: ${text}`);
  return { first, last };
}
