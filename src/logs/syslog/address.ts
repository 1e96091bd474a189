/** The option `syslog-address`. */
import { statSync } from "node:fs";
import { invalidArgument } from "../../lib/errors.ts";
import { isErrno } from "../../linux/syscall-error.ts";

export type SyslogAddress =
  | { readonly network: "udp" | "tcp" | "tcp+tls"; readonly host: string; readonly port: number }
  | { readonly network: "unix" | "unixgram"; readonly path: string }
  /** The host's own syslog, wherever it listens. */
  | { readonly network: "" };

const defaultPort = 514;

export function parseSyslogAddress(address: string | undefined): SyslogAddress {
  if (!address) return { network: "" };
  const colon = address.indexOf(":");
  // As Go's url.Parse reads it: before the first colon stands a scheme, or nothing that may hold one.
  if (colon !== -1 && !/^[a-z][a-z0-9+.-]*$/i.test(address.slice(0, colon)) && !address.slice(0, colon).includes("/")) {
    throw invalidArgument(`parse ${JSON.stringify(address)}: first path segment in URL cannot contain colon`);
  }
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(address) ?? [];
  switch (scheme) {
    case "unix":
    case "unixgram":
      return { network: scheme, path: rest };
    case "udp":
    case "tcp":
    case "tcp+tls":
      return { network: scheme, ...hostAndPort(rest) };
    default:
      throw invalidArgument(`unsupported scheme: '${scheme}'`);
  }
}

/** At create the socket must be there; later it may come and go. */
export function checkSocketExists(address: SyslogAddress): void {
  if (!("path" in address)) return;
  const { path } = address;
  try {
    statSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw invalidArgument(`stat ${path}: no such file or directory`);
    throw error;
  }
}

function hostAndPort(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:/]*))(?::(\d*))?\/?$/.exec(text);
  if (!match) throw invalidArgument(`address ${text}: too many colons in address`);
  const port = match[3] ? Number(match[3]) : defaultPort;
  if (port > 65535) throw invalidArgument(`invalid port ":${match[3]}" after host`);
  return { host: match[1] ?? match[2] ?? "", port };
}
