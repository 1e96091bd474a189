import type { Rtnetlink } from "../../linux/rtnetlink.ts";
import type { Interface, InterfaceCounters } from "./protocol.ts";

/** What a container's interfaces have counted, by their names inside; one without a side on the host is left out. */
export function countersOf(host: Rtnetlink, interfaces: readonly Interface[]): Record<string, InterfaceCounters> {
  const found: Record<string, InterfaceCounters> = {};
  for (const { ifname, veth } of interfaces) {
    const link = veth === null ? undefined : host.link(veth);
    if (!link) continue;
    const { stats } = link;
    // What the host's end receives, the container has sent.
    found[ifname] = {
      rxBytes: stats.txBytes,
      rxPackets: stats.txPackets,
      rxErrors: stats.txErrors,
      rxDropped: stats.txDropped,
      txBytes: stats.rxBytes,
      txPackets: stats.rxPackets,
      txErrors: stats.rxErrors,
      txDropped: stats.rxDropped,
    };
  }
  return found;
}
