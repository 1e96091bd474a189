import type { InterfaceCounters } from "./netd/protocol.ts";
import type { InterfaceStats } from "./networks.ts";

/** Counters by interface in the words of the stats API. */
export function shownStats(counters: Readonly<Record<string, InterfaceCounters>>): Record<string, InterfaceStats> {
  return Object.fromEntries(
    Object.entries(counters).map(([name, c]) => [
      name,
      {
        rx_bytes: c.rxBytes,
        rx_packets: c.rxPackets,
        rx_errors: c.rxErrors,
        rx_dropped: c.rxDropped,
        tx_bytes: c.txBytes,
        tx_packets: c.txPackets,
        tx_errors: c.txErrors,
        tx_dropped: c.txDropped,
      },
    ]),
  );
}
