/** The host's switches for passing packets on: without them nothing passes between a bridge and the world. */
import { readNetSysctl, writeNetSysctl } from "../../linux/net-sysctl.ts";
import type { Rtnetlink } from "../../linux/rtnetlink.ts";

export function letIpv4Through(): void {
  writeNetSysctl("ipv4/ip_forward", "1");
}

/**
 * A host that passes IPv6 on believes no router any more (`accept_ra` 1) and at once forgets the routes that it has from
 * them, often its only way out. Devices that have such routes are therefore told to go on (2) before the switch is turned.
 */
export function letIpv6Through(host: Rtnetlink): void {
  if (readNetSysctl("ipv6/conf/all/forwarding") === "1") return;
  const advised = host.advisedLinks();
  for (const { name, index } of host.links()) {
    const setting = `ipv6/conf/${name}/accept_ra`;
    if (advised.has(index) && readNetSysctl(setting) === "1") writeNetSysctl(setting, "2");
  }
  writeNetSysctl("ipv6/conf/all/forwarding", "1");
}
