import { isIP } from "node:net";
import { invalidArgument } from "../../../lib/errors.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import { maxPort } from "../text/limits.ts";

/** What is odd about a port of EXPOSE, and no mistake yet. */
export interface PortRemarks {
  /** It names a host's address or port too, which an image cannot say. */
  readonly hasHostPart: boolean;
  /** Its protocol is not in lower case. */
  readonly hasOddCasing: boolean;
}

/** Reads `[[ip:]host:]port[-port][/protocol]`; what is the host's is checked and dropped. Throws `invalidArgument`. */
export function readPorts(text: string, warn: (remarks: PortRemarks) => void): readonly string[] {
  const parts = text.split(":");
  const container = parts.pop() ?? "";
  const host = parts.pop() ?? "";
  const address = parts.join(":");
  const [port = "", protocol = ""] = splitOnce(container, "/");
  const lower = protocol.toLowerCase();
  warn({ hasHostPart: host !== "" || address !== "", hasOddCasing: protocol !== lower });
  const wrong = (why: string): Error => invalidArgument(`invalid port: ${printf("%q", [text])}: ${why}`);
  if (port === "") throw wrong("no port specified");
  if (!["", "tcp", "udp", "sctp"].includes(lower)) throw wrong(`invalid proto: ${lower}`);
  const bare = /^\[(.*)\]$/.exec(address)?.[1] ?? address;
  if (bare !== "" && isIP(bare) === 0) throw invalidArgument(`invalid IP address: ${bare}`);
  const range = readRange(port);
  if (range === null) throw invalidArgument(`invalid containerPort: ${port}`);
  if (host !== "") {
    const hostRange = readRange(host);
    if (hostRange === null) throw invalidArgument(`invalid hostPort: ${host}`);
    const isSame = range.last - range.first === hostRange.last - hostRange.first;
    if (!isSame && range.last !== range.first) {
      throw invalidArgument(`invalid ranges specified for container and host Ports: ${port} and ${host}`);
    }
  }
  return Array.from({ length: range.last - range.first + 1 }, (_, i) => `${range.first + i}/${lower || "tcp"}`);
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function readRange(text: string): { readonly first: number; readonly last: number } | null {
  const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (from === undefined) return null;
  const first = Number(from);
  const last = Number(to ?? from);
  return first <= last && last <= maxPort ? { first, last } : null;
}
