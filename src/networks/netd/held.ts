/** One container's network as netd remembers it, and as the protocol tells it. */
import { namespaceNumber } from "../../linux/netns.ts";
import type { Resolver } from "./dns/resolver.ts";
import { type Family, families, hostPart } from "./ip.ts";
import type { Namespace } from "./namespaces.ts";
import type { Publication } from "./ports.ts";
import type { Interface, Route, SandboxState } from "./protocol.ts";

export interface Held {
  readonly containerId: string;
  readonly namespace: Namespace;
  interfaces: Interface[];
  publications: Publication[];
  resolver: Resolver | null;
}

/** Notes which interface gives the default route of a family: there is one at most. */
export function markRoute(held: Held, family: Family, { segment, gateway }: Route): void {
  held.interfaces = held.interfaces.map((one) => {
    const own = one[family];
    return own ? { ...one, [family]: { ...own, gateway: one.segment === segment ? gateway : null } } : one;
  });
}

export const addressesOf = (one: Interface): string[] =>
  families.flatMap((family) => (one[family] ? [hostPart(one[family].address)] : []));

export function stateOf(held: Held): SandboxState {
  return {
    containerId: held.containerId,
    path: held.namespace.path,
    netns: namespaceNumber(held.namespace),
    interfaces: [...held.interfaces],
    ports: held.publications.flatMap((publication) => publication.ports),
    resolver: held.resolver?.spec ?? null,
  };
}
