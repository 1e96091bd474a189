/** What makes a device in a container's namespace the interface that its endpoint describes, however it is linked. */

import { writeNetSysctl } from "../../linux/net-sysctl.ts";
import type { NetlinkMessage } from "../../linux/netlink.ts";
import { type HeldNamespace, inNamespace } from "../../linux/netns.ts";
import { rtnetlink } from "../../linux/rtnetlink-messages.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { addressBytes, type Family, families, lastOf, parseAddress, parseCidr } from "./ip.ts";
import type { EndpointAddress, EndpointSpec, InterfaceSysctl } from "./protocol.ts";

/** An endpoint's place in one family as rtnetlink takes it. */
export interface Place {
  readonly family: Family;
  readonly address: Uint8Array;
  readonly prefix: number;
  readonly broadcast: Uint8Array | undefined;
  readonly gateway: Uint8Array | null;
}

export const placesOf = (endpoint: EndpointSpec): Place[] =>
  families.flatMap((family) => (endpoint[family] ? [placeOf(endpoint[family])] : []));

/**
 * Brings the device `index` up, then gives it its addresses, and its routes last: only then is every gateway on the link.
 * Links are born without IPv6: it is switched on here, for the name that the device has now, where the endpoint has it.
 */
export function interfaceSteps(
  namespace: HeldNamespace,
  index: number,
  name: string,
  endpoint: EndpointSpec,
): NetlinkMessage[] {
  const places = [...placesOf(endpoint), ...endpoint.linkLocal.map((address) => placeOf({ address, gateway: null }))];
  if (endpoint.ipv6) {
    const enable = () => writeNetSysctl(`ipv6/conf/${name}/disable_ipv6`, "0");
    if (!inNamespace(namespace, enable)) throw new Error("this kernel has no IPv6");
  }
  if (endpoint.sysctls.length > 0) {
    inNamespace(namespace, () => {
      for (const sysctl of endpoint.sysctls) writeSysctl(sysctl, name, endpoint.ifname);
    });
  }
  return [
    rtnetlink.linkUp(index),
    ...places.map(({ address, prefix, broadcast }) => rtnetlink.addressAdd(index, address, prefix, broadcast)),
    ...places.flatMap(({ gateway }) => (gateway ? [routeStep(index, gateway)] : [])),
  ];
}

/** Tells of a failure in Docker's words, by the name that the device is to have. */
function writeSysctl({ group, name, value }: InterfaceSysctl, device: string, shown: string): void {
  const path = `/proc/sys/net/${group}/${shown}/${name}`;
  const prefix = "failed to add interface to sandbox: ";
  try {
    if (writeNetSysctl(`${group}/${device}/${name}`, value)) return;
  } catch (error) {
    if (!isErrno(error, "EINVAL")) throw error;
    throw new Error(`${prefix}unable to write to '${path}': write ${path}: invalid argument`);
  }
  throw new Error(`${prefix}${path} is not a sysctl file`);
}

/** The default route of a family: to a gateway, or to the link itself where the gateway is the unspecified address. */
export const routeStep = (index: number, gateway: Uint8Array): NetlinkMessage =>
  gateway.every((byte) => byte === 0)
    ? rtnetlink.defaultRouteOnLink(index, gateway)
    : rtnetlink.defaultRoute(index, gateway);

function placeOf({ address, gateway }: EndpointAddress): Place {
  const parsed = parseCidr(address);
  const next = gateway === null ? null : parseAddress(gateway);
  if (!parsed || next === undefined) throw new Error(`bad address ${address} with gateway ${gateway}`);
  return {
    family: parsed.address.family,
    address: addressBytes(parsed.address),
    prefix: parsed.cidr.prefix,
    broadcast: parsed.address.family === "ipv4" ? addressBytes(lastOf(parsed.cidr)) : undefined,
    gateway: next && addressBytes(next),
  };
}
