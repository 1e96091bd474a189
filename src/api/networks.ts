/** Networks, endpoints and addresses on the wire. */
import * as v from "valibot";
import type { PortMap } from "./host-config.ts";
import { flag, int, maybe, maybeFlag, maybeText, maybeTextMap, text, textMap, texts } from "./wire.ts";

export type { PortBinding, PortMap } from "./host-config.ts";

export const EndpointIPAMConfig = v.object({
  IPv4Address: maybeText(),
  IPv6Address: maybeText(),
  LinkLocalIPs: maybe(v.array(v.string())),
});
export type EndpointIPAMConfig = v.InferOutput<typeof EndpointIPAMConfig>;

/** One container's place in one network: what was asked for and, from `NetworkID` on, what it got. */
export const EndpointSettings = v.object({
  IPAMConfig: v.nullish(EndpointIPAMConfig, null),
  Links: texts(),
  Aliases: texts(),
  MacAddress: text(),
  DriverOpts: v.nullish(textMap(), null),
  GwPriority: int(),
  NetworkID: text(),
  EndpointID: text(),
  Gateway: text(),
  IPAddress: text(),
  IPPrefixLen: int(),
  IPv6Gateway: text(),
  GlobalIPv6Address: text(),
  GlobalIPv6PrefixLen: int(),
  DNSNames: texts(),
});
export type EndpointSettings = v.InferOutput<typeof EndpointSettings>;

/** A fresh endpoint that asks for nothing. */
export function emptyEndpoint(): EndpointSettings {
  return v.parse(EndpointSettings, {});
}

export interface Address {
  Addr: string;
  PrefixLen: number;
}

/** The `NetworkSettings` of a container's inspection. */
export interface NetworkSettings {
  Bridge: string;
  SandboxID: string;
  SandboxKey: string;
  Ports: PortMap;
  HairpinMode: boolean;
  LinkLocalIPv6Address: string;
  LinkLocalIPv6PrefixLen: number;
  SecondaryIPAddresses: Address[] | null;
  SecondaryIPv6Addresses: Address[] | null;
  /** This and the fields down to `MacAddress` repeat the endpoint in the default bridge network, else are empty. */
  EndpointID: string;
  Gateway: string;
  GlobalIPv6Address: string;
  GlobalIPv6PrefixLen: number;
  IPAddress: string;
  IPPrefixLen: number;
  IPv6Gateway: string;
  MacAddress: string;
  Networks: Record<string, EndpointSettings>;
}

export const IPAMConfig = v.object({
  Subnet: maybeText(),
  IPRange: maybeText(),
  Gateway: maybeText(),
  AuxiliaryAddresses: maybeTextMap(),
});
export type IPAMConfig = v.InferOutput<typeof IPAMConfig>;

export const IPAM = v.object({
  Driver: text(),
  Options: v.nullish(textMap(), null),
  Config: v.nullish(v.array(IPAMConfig), null),
});
export type IPAM = v.InferOutput<typeof IPAM>;

export const ConfigReference = v.object({ Network: text() });
export type ConfigReference = v.InferOutput<typeof ConfigReference>;

export const NetworkCreateRequest = v.object({
  Name: text(),
  Driver: text(),
  Scope: text(),
  EnableIPv4: maybeFlag(),
  EnableIPv6: maybeFlag(),
  IPAM: maybe(IPAM),
  Internal: flag(),
  Attachable: flag(),
  Ingress: flag(),
  ConfigOnly: flag(),
  ConfigFrom: maybe(ConfigReference),
  Options: textMap(),
  Labels: textMap(),
});
export type NetworkCreateRequest = v.InferOutput<typeof NetworkCreateRequest>;

export interface NetworkCreateResponse {
  Id: string;
  Warning: string;
}

export interface NetworkContainer {
  Name: string;
  EndpointID: string;
  MacAddress: string;
  /** With prefix length, such as `172.30.0.2/16`. */
  IPv4Address: string;
  IPv6Address: string;
}

export interface PeerInfo {
  Name: string;
  IP: string;
}

export interface Network {
  Name: string;
  Id: string;
  Created: string;
  Scope: string;
  Driver: string;
  EnableIPv4: boolean;
  EnableIPv6: boolean;
  IPAM: IPAM;
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigFrom: ConfigReference;
  ConfigOnly: boolean;
  /** By container id; empty in lists. */
  Containers: Record<string, NetworkContainer>;
  Options: Record<string, string>;
  Labels: Record<string, string>;
  Peers?: PeerInfo[];
}

export const NetworkConnectRequest = v.object({ Container: text(), EndpointConfig: maybe(EndpointSettings) });
export type NetworkConnectRequest = v.InferOutput<typeof NetworkConnectRequest>;

export const NetworkDisconnectRequest = v.object({ Container: text(), Force: flag() });
export type NetworkDisconnectRequest = v.InferOutput<typeof NetworkDisconnectRequest>;

export interface NetworkPruneResponse {
  NetworksDeleted: string[] | null;
}
