/** Joins containers to bridges by pairs of devices. */
import type { LinkStats, Rtnetlink } from "../../linux/rtnetlink.ts";
import type { Bridges } from "./bridges.ts";
import type { LinkDriver } from "./link-driver.ts";
import type { Namespace, Namespaces } from "./namespaces.ts";
import type { EndpointSpec, Interface } from "./protocol.ts";

export class VethLinks implements LinkDriver {
  constructor(
    private readonly host: Rtnetlink,
    private readonly bridges: Bridges,
    private readonly namespaces: Namespaces,
  ) {}

  isInternal(segment: string): boolean {
    return this.bridges.get(segment).spec.internal;
  }

  plug(namespace: Namespace, endpoint: EndpointSpec): Interface {
    return this.namespaces.plug(namespace, endpoint, this.bridges.get(endpoint.segment));
  }

  unplug(_namespace: Namespace, one: Interface): void {
    this.namespaces.unplug(one);
  }

  /** The pair goes with the end inside. */
  leave(): void {}

  counters(_namespace: Namespace, { veth }: Interface): LinkStats | undefined {
    const stats = veth === null ? undefined : this.host.link(veth)?.stats;
    // What the host's end receives, the container has sent.
    return (
      stats && {
        rxPackets: stats.txPackets,
        txPackets: stats.rxPackets,
        rxBytes: stats.txBytes,
        txBytes: stats.rxBytes,
        rxErrors: stats.txErrors,
        txErrors: stats.rxErrors,
        rxDropped: stats.txDropped,
        txDropped: stats.rxDropped,
      }
    );
  }
}
