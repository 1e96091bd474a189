/** Joins containers to devices of the host by devices of their own on these: macvlan and ipvlan. */
import { inNamespace } from "../../linux/netns.ts";
import { type LinkStats, Rtnetlink } from "../../linux/rtnetlink.ts";
import { macBytes, rtnetlink } from "../../linux/rtnetlink-messages.ts";
import { Announcer } from "../../linux/socket.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { randomMac } from "./bridges.ts";
import { interfaceSteps, placesOf } from "./interface-steps.ts";
import type { LinkDriver } from "./link-driver.ts";
import type { Namespace } from "./namespaces.ts";
import type { Parents } from "./parents.ts";
import type { EndpointSpec, Interface } from "./protocol.ts";

/** Why a parent takes no device, in Docker's words: one in passthru mode has one, and a macvlan's takes no ipvlan. */
const reasons = [
  ["EINVAL", "invalid argument"],
  ["EBUSY", "device or resource busy"],
  ["EOPNOTSUPP", "operation not supported"],
] as const;

export class UpperLinks implements LinkDriver {
  constructor(
    private readonly host: Rtnetlink,
    private readonly parents: Parents,
  ) {}

  isInternal(segment: string): boolean {
    return this.parents.isInternal(segment);
  }

  plug(namespace: Namespace, endpoint: EndpointSpec): Interface {
    const { spec, index } = this.parents.get(endpoint.segment);
    const { link, segment, ifname, ipv4, ipv6, names } = endpoint;
    const wanted = spec.upper.kind === "macvlan" ? (endpoint.mac ?? randomMac()) : null;
    const what = `failed to create the ${spec.upper.kind} port`;
    try {
      const settings = { netns: namespace.fd, mac: wanted, mtu: spec.mtu };
      this.host.apply(what, rtnetlink.upper(ifname, index, spec.upper, settings));
    } catch (error) {
      const reason = reasons.find(([errno]) => isErrno(error, errno))?.[1];
      throw reason === undefined ? error : new Error(`${what}: ${reason}`);
    }
    namespace.route ??= inNamespace(namespace, () => new Rtnetlink());
    const { route } = namespace;
    const made = route.link(ifname);
    if (!made) throw new Error(`link ${ifname} is gone`);
    try {
      route.apply(`configure ${ifname}`, ...interfaceSteps(namespace, made.index, ifname, endpoint));
    } catch (error) {
      route.apply(`delete ${ifname}`, rtnetlink.linkDelete(made.index));
      throw error;
    }
    // In passthru mode, and on ipvlan, it has its parent's.
    const { mac } = made;
    inNamespace(namespace, () => {
      using announcer = new Announcer();
      for (const { address } of placesOf(endpoint)) announcer.announce(made.index, address, macBytes(mac));
    });
    return { link, segment, ifname, ipv4, ipv6, mac, names, veth: null };
  }

  unplug(namespace: Namespace, { ifname }: Interface): void {
    namespace.route ??= inNamespace(namespace, () => new Rtnetlink());
    const link = namespace.route.link(ifname);
    if (!link) return;
    try {
      namespace.route.apply(`delete ${ifname}`, rtnetlink.linkDelete(link.index));
    } catch (error) {
      if (!isErrno(error, "ENODEV")) throw error;
    }
  }

  /** At once, not when the kernel comes to it: a parent in passthru mode takes no other device meanwhile. */
  leave(namespace: Namespace, one: Interface): void {
    this.unplug(namespace, one);
  }

  counters(namespace: Namespace, { ifname }: Interface): LinkStats | undefined {
    using route = inNamespace(namespace, () => new Rtnetlink());
    return route.link(ifname)?.stats;
  }
}
