/** Which registries may be spoken to over HTTP or with an unknown certificate. */
import { BlockList, isIP } from "node:net";

const loopback = ["localhost", "127.0.0.0/8", "::1/128"];

/** True for loopback and for what `list` names. */
export function isInsecureHost(host: string, list: readonly string[]): boolean {
  return isListed(host, [...loopback, ...list]);
}

/** True for a host, with or without its port, that `list` (hosts, `host:port`, CIDRs) names. */
export function isListed(host: string, list: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  if (list.includes(host) || list.includes(name)) return true;
  const family = isIP(name);
  if (family === 0) return false;
  const blocks = new BlockList();
  for (const entry of list) {
    const [net = "", bits = ""] = entry.split("/");
    if (isIP(net) !== 0 && /^\d+$/.test(bits)) blocks.addSubnet(net, Number(bits), isIP(net) === 6 ? "ipv6" : "ipv4");
  }
  return blocks.check(name, family === 6 ? "ipv6" : "ipv4");
}

/** True for a network address with a length that does not fit it; a host or `host:port` never is. */
export function isBadPrefix(entry: string): boolean {
  const [net = "", bits] = entry.split("/");
  if (bits === undefined || isIP(net) === 0) return false;
  return !/^\d+$/.test(bits) || Number(bits) > (isIP(net) === 6 ? 128 : 32);
}
