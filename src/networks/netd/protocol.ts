/**
 * What the daemon and netd say to each other over netd's socket: one JSON object per line, `{id, method, params}` and
 * `{id, result}` or `{id, error}`. A daemon that finds another version than its own asks that netd to shut down when
 * it holds nothing, and else goes on in the older one's words.
 */
import type { EndpointNames } from "./dns/names.ts";
import type { ResolverSpec } from "./dns/resolver.ts";

export const protocolVersion = 2;

/** A bridge as it must be. */
export interface BridgeSpec {
  readonly name: string;
  /** The host's address on it, with prefix; null for a bridge without one. */
  readonly address: string | null;
  readonly mtu: number;
  readonly icc: boolean;
  readonly masquerade: boolean;
  readonly internal: boolean;
}

/** One interface of a container. */
export interface EndpointSpec {
  readonly bridge: string;
  /** Name inside the container, such as `eth0`. */
  readonly ifname: string;
  /** Address with prefix. */
  readonly address: string;
  /** Null when this endpoint gives no default route. */
  readonly gateway: string | null;
  /** Null for one that netd makes up. */
  readonly mac: string | null;
  /** Null on networks without name service. */
  readonly names: EndpointNames | null;
}

/** Where a container sends what is for the world. */
export interface Route {
  readonly bridge: string;
  readonly gateway: string;
}

export type Protocol = "tcp" | "udp" | "sctp";

/** A port to publish; `first` and `last` 0 for any free one. `host` empty stands for every address, IPv6 included. */
export interface PortSpec {
  readonly protocol: Protocol;
  readonly port: number;
  readonly host: string;
  readonly first: number;
  readonly last: number;
  /** The container's address. */
  readonly address: string;
}

/** A port that is published now. */
export interface PublishedPort {
  readonly protocol: Protocol;
  readonly port: number;
  readonly host: string;
  readonly hostPort: number;
  readonly address: string;
}

/** An interface as it is now. */
export interface Interface {
  readonly bridge: string;
  readonly ifname: string;
  readonly address: string;
  readonly gateway: string | null;
  readonly mac: string;
  readonly names: EndpointNames | null;
  /** The host's side. */
  readonly veth: string;
}

/** A container's network as netd holds it. */
export interface SandboxState {
  readonly containerId: string;
  readonly path: string;
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
  /** `firewall` and `ipForward` are what that netd was started with. */
  hello: {
    params: Record<string, never>;
    result: { version: number; pid: number; bridges: string[]; firewall: boolean; ipForward: boolean };
  };
  ensureBridge: { params: BridgeSpec & { readonly pooled: boolean }; result: Record<string, never> };
  removeBridge: { params: { name: string }; result: Record<string, never> };
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
  detach: { params: { containerId: string }; result: Record<string, never> };
  /** An endpoint with a gateway takes the default route over. */
  connect: {
    params: { containerId: string; endpoint: EndpointSpec; ports: readonly PortSpec[]; resolver: ResolverSpec };
    result: SandboxState;
  };
  /** Other names on the network of `bridge`: the container was renamed. */
  rename: { params: { containerId: string; bridge: string; names: EndpointNames }; result: SandboxState };
  /** Takes published ports back and publishes others: both, or neither. */
  republish: {
    params: { containerId: string; add: readonly PortSpec[]; remove: readonly PublishedPort[] };
    result: SandboxState;
  };
  /** `route` is the interface that gives the default route from then on, where the one that goes gave it. */
  disconnect: { params: { containerId: string; bridge: string; route?: Route | null }; result: SandboxState };
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
