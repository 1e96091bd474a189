/**
 * Where a registry may lead us by a redirect or by naming a token server. One out in the world must not make the daemon ask
 * addresses that only this host or its network reaches, such as a cloud's metadata service.
 */
import { BlockList, isIP } from "node:net";
import { isListed } from "./insecure.ts";

type Place = "outside" | "private" | "loopback" | "linkLocal";

const ranges: readonly (readonly [Place, string])[] = [
  ["loopback", "0.0.0.0/8 127.0.0.0/8 ::/127"],
  ["linkLocal", "169.254.0.0/16 fe80::/10 fd00:ec2::/32"],
  ["private", "10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10"],
];

const places = ranges.map(([place, prefixes]) => {
  const blocks = new BlockList();
  for (const prefix of prefixes.split(" ")) {
    const [net = "", bits] = prefix.split("/");
    blocks.addSubnet(net, Number(bits), isIP(net) === 6 ? "ipv6" : "ipv4");
  }
  return { place, blocks };
});

/** Where a URL's host is, as far as its text tells: a name is not resolved. */
function placeOf({ hostname }: URL): Place {
  const host = hostname.replace(/^\[|\]$|\.$/g, "");
  if (host === "localhost" || host.endsWith(".localhost")) return "loopback";
  const address = carriedIpv4(host) ?? host;
  const family = isIP(address);
  if (family === 0) return "outside";
  return places.find(({ blocks }) => blocks.check(address, family === 6 ? "ipv6" : "ipv4"))?.place ?? "outside";
}

/** The IPv4 address inside a mapped (`::ffff:7f00:1`) or translated (`64:ff9b::7f00:1`) one, as a URL writes them. */
function carriedIpv4(host: string): string | null {
  const match = /^(?:::ffff:|64:ff9b::)([\da-f]{1,4}):([\da-f]{1,4})$/i.exec(host);
  if (!match) return null;
  const [high, low] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/**
 * Whether the registry at `from` may send us to `to`: to its own host and to any outside; to a private address when it has
 * one itself or the administrator lists the target among the insecure registries; to this host when it runs here.
 */
export function mayLeadTo(from: URL, to: URL, insecure: readonly string[]): boolean {
  if (from.hostname === to.hostname) return true;
  const place = placeOf(to);
  if (place === "outside") return true;
  if (place === "private") return placeOf(from) !== "outside" || isListed(to.host, insecure);
  return place === "loopback" && placeOf(from) === "loopback";
}
