/** What is kept about networks, endpoints and sandboxes. */
import * as v from "valibot";
import { EndpointSettings, IPAM, type NetworkSettings } from "../api/networks.ts";
import type { RecordKind } from "../state/record-store.ts";
import { contains, type Family, parseAddress, parseCidr } from "./netd/ip.ts";
import { networkFromBridge, sandboxFromBridges } from "./record-versions.ts";

/** One subnet of a network, whatever driver it has. */
const subnetFields = {
  /** `base/prefix`. */
  subnet: v.string(),
  /** The address with which a network leads on: on a bridge the host's own. Null where it has none. */
  gateway: v.nullable(v.string()),
  /** Where containers send what is for the world, when that is not the gateway. */
  router: v.optional(v.string()),
  /** Where addresses are taken from; a part of `subnet`. */
  range: v.string(),
  /** Addresses never given out. */
  reserved: v.array(v.string()),
  /** Static addresses are for networks whose subnet the user chose. */
  userSubnet: v.boolean(),
};
const SubnetSchema = v.object(subnetFields);
export type Subnet = v.InferOutput<typeof SubnetSchema>;

/** The addresses of one family in a network: those of its first subnet, and of others that it may have. */
const AddressingSchema = v.object({ ...subnetFields, further: v.optional(v.array(SubnetSchema)) });
export type Addressing = v.InferOutput<typeof AddressingSchema>;

const GatewayModeSchema = v.picklist(["nat", "nat-unprotected", "routed", "isolated"]);

const BridgeSchema = v.object({
  kind: v.literal("bridge"),
  /** Name of the device. */
  name: v.string(),
  mtu: v.number(),
  icc: v.boolean(),
  masquerade: v.boolean(),
  hostBinding: v.string(),
  /** It was there before the network, with addresses that stay as they are; those of a family that has none are ours. */
  foreign: v.optional(v.object({ ipv4: v.boolean(), ipv6: v.boolean() })),
  /** The host gets no IPv4 address on it, and none that it has there is touched. */
  inhibitIpv4: v.optional(v.boolean()),
  /** Addresses of the host under which containers are seen outside. */
  sources: v.optional(v.object({ ipv4: v.optional(v.string()), ipv6: v.optional(v.string()) })),
  /** Devices of the host by which containers' published ports are reached at their own addresses. */
  trusted: v.optional(v.array(v.string())),
  modes: v.object({ ipv4: GatewayModeSchema, ipv6: GatewayModeSchema }),
});
export type BridgeDevice = v.InferOutput<typeof BridgeSchema>;

const upperFields = {
  /** No device's name unless it is `parent` too: then a dummy device is made for the network. */
  name: v.string(),
  parent: v.string(),
  mtu: v.nullable(v.number()),
};
const UpperSchemas = [
  v.object({
    kind: v.literal("macvlan"),
    ...upperFields,
    mode: v.picklist(["bridge", "private", "vepa", "passthru"]),
  }),
  v.object({
    kind: v.literal("ipvlan"),
    ...upperFields,
    mode: v.picklist(["l2", "l3", "l3s"]),
    flag: v.picklist(["bridge", "private", "vepa"]),
  }),
] as const;
/** A network whose containers have devices on one of the host's. */
export type UpperDevice = v.InferOutput<(typeof UpperSchemas)[number]>;

const NetworkRecordSchema = v.object({
  name: v.string(),
  driver: v.picklist(["bridge", "macvlan", "ipvlan", "host", "null"]),
  created: v.string(),
  internal: v.boolean(),
  attachable: v.boolean(),
  labels: v.record(v.string(), v.string()),
  options: v.record(v.string(), v.string()),
  ipam: IPAM,
  /** What networks made from this one carry: it is configuration only, and nothing in the kernel. */
  configuration: v.optional(v.object({ ipv4: v.boolean(), ipv6: v.boolean() })),
  /** Name of the configuration-only network that it was made from. */
  configFrom: v.optional(v.string()),
  /** Null without addresses of the family; both are null on host and none. */
  ipv4: v.nullable(AddressingSchema),
  ipv6: v.nullable(AddressingSchema),
  /** What the driver makes of it in the kernel; null on host and none. */
  device: v.nullable(v.variant("kind", [BridgeSchema, ...UpperSchemas])),
});
export type NetworkRecord = v.InferOutput<typeof NetworkRecordSchema>;

/** A network's subnets of one family, in the order in which addresses are taken from them. */
export function subnetsOf(network: Pick<NetworkRecord, Family>, family: Family): readonly Subnet[] {
  const { [family]: addressing } = network;
  return addressing ? [addressing, ...(addressing.further ?? [])] : [];
}

/** The subnet that an address of a network is in; without an address the first one. */
export function subnetAt(network: Pick<NetworkRecord, Family>, family: Family, address?: string): Subnet | undefined {
  const subnets = subnetsOf(network, family);
  const parsed = address ? parseAddress(address) : undefined;
  if (!parsed) return subnets[0];
  return subnets.find(({ subnet }) => {
    const cidr = parseCidr(subnet)?.cidr;
    return cidr && contains(cidr, parsed);
  });
}

/** The name by which netd knows the network; null for one that has nothing of its own in the kernel. */
export const segmentOf = ({ device }: NetworkRecord): string | null => device?.name ?? null;

export const networkKind: RecordKind<NetworkRecord> = {
  table: "networks",
  version: 2,
  migrations: { 1: networkFromBridge },
  parse: (document) => v.parse(NetworkRecordSchema, document),
  unique: {
    name: (network) => network.name,
    device: (network) => network.device?.name ?? null,
    subnet: (network) => network.ipv4?.subnet ?? null,
    subnet6: (network) => network.ipv6?.subnet ?? null,
  },
};

const EndpointRecordSchema = v.object({
  networkId: v.string(),
  networkName: v.string(),
  containerId: v.string(),
  containerName: v.string(),
  settings: EndpointSettings,
});
/** One container's place in one network; `settings` is its wire form. */
export type EndpointRecord = v.InferOutput<typeof EndpointRecordSchema>;

const addressIn = (networkId: string, address: string): string | null =>
  address === "" ? null : `${networkId} ${address}`;

export const endpointKind: RecordKind<EndpointRecord> = {
  table: "endpoints",
  version: 1,
  parse: (document) => v.parse(EndpointRecordSchema, document),
  unique: {
    address: ({ networkId, settings }) => addressIn(networkId, settings.IPAddress),
    address6: ({ networkId, settings }) => addressIn(networkId, settings.GlobalIPv6Address),
    member: ({ networkId, containerId }) => `${networkId} ${containerId}`,
  },
};

const SandboxRecordSchema = v.object({
  /** Written after the last effect; false in records of older engines for an attach that did not end. */
  attached: v.boolean(),
  path: v.nullable(v.string()),
  /** As netd reported it; null when netd holds nothing for the container. */
  state: v.nullable(v.custom<import("./netd/protocol.ts").SandboxState>((value) => typeof value === "object")),
  settings: v.custom<NetworkSettings>((value) => typeof value === "object" && value !== null),
  /** What a later connection needs; absent in records of older engines. */
  names: v.optional(
    v.object({
      resolver: v.custom<import("./netd/dns/resolver.ts").ResolverSpec>((value) => typeof value === "object"),
      resolvConfs: v.object({ plain: v.string(), served: v.string() }),
    }),
  ),
});
/** The network of one running container; its id is the container's. */
export type SandboxRecord = v.InferOutput<typeof SandboxRecordSchema>;

export const sandboxKind: RecordKind<SandboxRecord> = {
  table: "sandboxes",
  version: 2,
  migrations: { 1: sandboxFromBridges },
  parse: (document) => v.parse(SandboxRecordSchema, document),
};
