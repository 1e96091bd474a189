import type { LinkStats } from "../../linux/rtnetlink.ts";
import type { Namespace } from "./namespaces.ts";
import type { EndpointSpec, Interface, LinkKind } from "./protocol.ts";

/**
 * One way to join containers to segments, by kind of link. The segments themselves are made and removed before and
 * after (`Bridges`, `Parents`); an overlay is a bridge with one port more, so its containers are joined by a veth.
 */
export interface LinkDriver {
  /** Nothing leads out of that segment. */
  isInternal(segment: string): boolean;
  /** Gives the namespace the interface `endpoint`, up, with its addresses and routes. Nothing is left when it throws. */
  plug(namespace: Namespace, endpoint: EndpointSpec): Interface;
  /** Takes one interface from a living namespace; does nothing when it is gone. */
  unplug(namespace: Namespace, one: Interface): void;
  /** Before the namespace itself goes, which takes along whatever is in it. */
  leave(namespace: Namespace, one: Interface): void;
  /** As the container sees them; undefined when the interface is gone. */
  counters(namespace: Namespace, one: Interface): LinkStats | undefined;
}

export type LinkDrivers = Readonly<Record<LinkKind, LinkDriver>>;
