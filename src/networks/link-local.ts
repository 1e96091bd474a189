/** Link-local addresses that a user gives an interface, besides those of its network (RFC 3927, RFC 4291 section 2.5.6). */
import type { EndpointSettings } from "../api/networks.ts";
import { type Cidr, contains, type Family, parseAddress, parseCidr } from "./netd/ip.ts";
import type { NetworkRecord } from "./record.ts";

type Wanted = Pick<EndpointSettings, "IPAMConfig">;

const blocks: Readonly<Record<Family, string>> = { ipv4: "169.254.0.0/16", ipv6: "fe80::/10" };
const prefixes: Readonly<Record<Family, number>> = { ipv4: 16, ipv6: 64 };

const blockOf = (family: Family): Cidr | undefined => parseCidr(blocks[family])?.cidr;

/** What is wrong with them, in Docker's words where it has some. */
export function linkLocalComplaints(network: NetworkRecord, { IPAMConfig }: Wanted): string[] {
  return (IPAMConfig?.LinkLocalIPs ?? []).flatMap((text) => {
    const address = parseAddress(text);
    const block = address && blockOf(address.family);
    if (!address || !block || !contains(block, address)) return `invalid link-local IP address: ${text}`;
    if (address.family === "ipv6" && !network.ipv6) return `link-local IP address ${text} needs a network with IPv6`;
    return [];
  });
}

/** Those that {@link linkLocalComplaints} has nothing against, with the prefixes that Docker gives them. */
export function linkLocalOf(wanted: Wanted | undefined): string[] {
  return (wanted?.IPAMConfig?.LinkLocalIPs ?? []).flatMap((text) => {
    const address = parseAddress(text);
    return address ? `${text}/${prefixes[address.family]}` : [];
  });
}
