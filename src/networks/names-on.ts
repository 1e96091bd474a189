/** What a container is called on its networks, and whom its resolver asks about others. */
import type { EndpointSettings } from "../api/networks.ts";
import { hostServers } from "./files.ts";
import type { EndpointNames } from "./netd/dns/names.ts";
import type { ResolverSpec } from "./netd/dns/resolver.ts";
import type { NetworkRecord } from "./record.ts";

/** Null on networks without name service: the default bridge and those that have no addresses of their own. */
export function namesOn({ name, device }: NetworkRecord, settings: EndpointSettings): EndpointNames | null {
  if (!device || name === "bridge") return null;
  const aliases = Object.fromEntries(
    (settings.Links ?? []).flatMap((link) => {
      const [target = "", alias = target] = link.split(":");
      return [[alias.toLowerCase(), target.replace(/^\//, "")]];
    }),
  );
  return { network: name, names: settings.DNSNames ?? [], aliases };
}

/** The servers that a container asked for are in its own reach; those of the host's list are asked from the host. */
export function resolverSpec(asked: readonly string[]): ResolverSpec {
  if (asked.length > 0) return { servers: asked.map((address) => ({ address, fromHost: false })) };
  return { servers: hostServers().map((address) => ({ address, fromHost: true })) };
}
