/**
 * What the daemon and netd say to each other over netd's socket: one JSON object per line, `{id, method, params}` and
 * `{id, result}` or `{id, error}`. A daemon that finds a netd of another version than its own puts one of its own in
 * its place, which takes over what the other held (`netd-client.ts`): only `hello` is the same for ever.
 */
import type { UpperKind } from "../../linux/rtnetlink-messages.ts";
import type { EndpointNames } from "./dns/names.ts";
import type { ResolverSpec } from "./dns/resolver.ts";
import type { Family } from "./ip.ts";

export const protocolVersion = 5;

/** Something for each address family. */
export type PerFamily<T> = Readonly<Record<Family, T>>;

/** How packets of one family come and go between a bridge and the world: Docker's words. */
export type GatewayMode = "nat" | "nat-unprotected" | "routed" | "isolated";

/** One address family on a bridge. */
export interface BridgeFamily {
  /** `base/prefix`. */
  readonly subnet: string;
  /** The host's address with prefix; null for a bridge that has none. */
  readonly address: string | null;
  /** The host's addresses on it are somebody else's business: none is given, none taken away. */
  readonly foreign?: boolean;
  readonly mode: GatewayMode;
  /** What leaves has this source address; absent is that of the device by which it leaves. */
  readonly source?: string;
}

/** A bridge as it must be; null is a family that it does not carry. */
export interface BridgeSpec extends PerFamily<BridgeFamily | null> {
  readonly name: string;
  readonly mtu: number;
  readonly icc: boolean;
  readonly masquerade: boolean;
  readonly internal: boolean;
  /** Devices by whose packets the published ports of containers are reached at the containers' own addresses. */
  readonly trusted: readonly string[];
  /** The same for every device. */
  readonly direct: boolean;
}

/** A device of the host on which containers have devices of their own, of the kind `upper`. */
export interface ParentSpec {
  /** The segment's name. */
  readonly name: string;
  /**
   * The device. One that is not there is made, and given back with its last segment: `eth0.50` as the 802.1q device of
   * the tag 50 on eth0, and as a dummy one that bears the segment's own name.
   */
  readonly parent: string;
  readonly upper: UpperKind;
  /** Null for the parent's. */
  readonly mtu: number | null;
  readonly internal: boolean;
}

/**
 * How a container is joined to a segment: `veth`, a pair of devices, one end of it a port of the segment's bridge;
 * `upper`, a device on the segment's parent.
 */
export type LinkKind = "veth" | "upper";

/** One interface's place in one address family. */
export interface EndpointAddress {
  /** With prefix. */
  readonly address: string;
  /** Null when this interface does not give the family's default route; `0.0.0.0` and `::` stand for the link itself. */
  readonly gateway: string | null;
}

/** A sysctl of one interface: `value` for `net/GROUP/INTERFACE/NAME`, the group such as `ipv4/conf`. */
export interface InterfaceSysctl {
  readonly group: string;
  readonly name: string;
  readonly value: string;
}

/** One interface of a container; null is a family in which it has no address. */
export interface EndpointSpec extends PerFamily<EndpointAddress | null> {
  readonly link: LinkKind;
  /** What the network is in the kernel: for a veth the name of its bridge, else that of a {@link ParentSpec}. */
  readonly segment: string;
  /** Name inside the container, such as `eth0`. */
  readonly ifname: string;
  /** Null for one that netd makes up. */
  readonly mac: string | null;
  /** Null on networks without name service. */
  readonly names: EndpointNames | null;
  readonly sysctls: readonly InterfaceSysctl[];
  /** Further addresses of the interface, each with its prefix. */
  readonly linkLocal: readonly string[];
}

/** Where a container sends what is for the world. */
export interface Route {
  readonly segment: string;
  readonly gateway: string;
}

/** The default routes of a container. */
export type Routes = PerFamily<Route | null>;

export type Protocol = "tcp" | "udp" | "sctp";

/** One place on the host where a port is published, and the container's address behind it. */
export interface PortBind {
  readonly host: string;
  readonly address: string;
  /** Left out on a host that has no such family. */
  readonly optional?: boolean;
  /** No port of the host: the container's own is opened to those who reach its address. */
  readonly opened?: boolean;
}

/** A port to publish, the same host port for all of `binds`; `first` and `last` 0 for any free one. */
export interface PortSpec {
  readonly protocol: Protocol;
  readonly port: number;
  readonly first: number;
  readonly last: number;
  readonly binds: readonly PortBind[];
}

/** A port that is published now; `hostPort` 0 is one that is opened at the container's address. */
export interface PublishedPort {
  readonly protocol: Protocol;
  readonly port: number;
  readonly host: string;
  readonly hostPort: number;
  readonly address: string;
}

/** An interface as it is now. */
export interface Interface extends PerFamily<EndpointAddress | null> {
  readonly link: LinkKind;
  readonly segment: string;
  readonly ifname: string;
  readonly mac: string;
  readonly names: EndpointNames | null;
  /** The host's side; null for a link that has none. */
  readonly veth: string | null;
}

/** A container's network as netd holds it. */
export interface SandboxState {
  readonly containerId: string;
  /** Of its namespace. */
  readonly path: string;
  /** The namespace's number on nsfs; absent in what older engines recorded. */
  readonly netns?: number;
  readonly interfaces: readonly Interface[];
  readonly ports: readonly PublishedPort[];
  /** The container's server at 127.0.0.11, from its first network with name service on. */
  readonly resolver: ResolverSpec | null;
}

/** Counters of an interface, seen from inside. */
export interface InterfaceCounters {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** Method -> its parameters and its result. */
export interface Methods {
  /** `firewall`, `ipForward` and `proxies` are what that netd was started with. */
  hello: {
    params: Record<string, never>;
    result: {
      version: number;
      pid: number;
      bridges: string[];
      parents: string[];
      firewall: PerFamily<boolean>;
      ipForward: boolean;
      proxies: boolean;
    };
  };
  ensureBridge: { params: BridgeSpec & { readonly pooled: boolean }; result: Record<string, never> };
  removeBridge: { params: { name: string }; result: Record<string, never> };
  /** Whether there is a chain for the user's own rules, from then on. */
  userChain: { params: { kept: boolean }; result: Record<string, never> };
  ensureParent: { params: ParentSpec; result: Record<string, never> };
  removeParent: { params: { name: string }; result: Record<string, never> };
  attach: {
    params: {
      containerId: string;
      endpoints: readonly EndpointSpec[];
      ports: readonly PortSpec[];
      resolver: ResolverSpec;
    };
    result: SandboxState;
  };
  /** Takes over a namespace that outlived the netd that made it. */
  adopt: { params: SandboxState; result: SandboxState };
  /** The container's process runs: its namespace is kept by that, and no longer by a mount. */
  leave: { params: { containerId: string; pid: number }; result: Record<string, never> };
  detach: { params: { containerId: string }; result: Record<string, never> };
  /** An endpoint with a gateway takes the default route of that family over. */
  connect: {
    params: { containerId: string; endpoint: EndpointSpec; ports: readonly PortSpec[]; resolver: ResolverSpec };
    result: SandboxState;
  };
  /** Other names on one network: the container was renamed. */
  rename: { params: { containerId: string; segment: string; names: EndpointNames }; result: SandboxState };
  /** Takes published ports back and publishes others: both, or neither. */
  republish: {
    params: { containerId: string; add: readonly PortSpec[]; remove: readonly PublishedPort[] };
    result: SandboxState;
  };
  /** `routes` are the default routes from then on. */
  disconnect: { params: { containerId: string; segment: string; routes: Routes }; result: SandboxState };
  list: { params: Record<string, never>; result: SandboxState[] };
  stats: { params: { containerId: string }; result: Record<string, InterfaceCounters> };
  /** Drops what earlier netds left and nobody has claimed: namespaces, bridges, elements of the table. */
  sweep: { params: Record<string, never>; result: { dropped: number } };
  shutdown: { params: Record<string, never>; result: Record<string, never> };
}

export type Method = keyof Methods;

/** `code` is an errno name where the failure was a system call's. */
export interface WireError {
  readonly message: string;
  readonly code?: string;
  /** The host address and port that could not be had. */
  readonly bind?: { readonly host: string; readonly port: number; readonly ours: boolean };
}
