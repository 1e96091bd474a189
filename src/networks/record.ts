/** What is kept about networks, endpoints and sandboxes. */
import * as v from "valibot";
import { EndpointSettings, IPAM, type NetworkSettings } from "../api/networks.ts";
import type { RecordKind } from "../state/record-store.ts";

const NetworkRecordSchema = v.object({
  name: v.string(),
  driver: v.picklist(["bridge", "host", "null"]),
  created: v.string(),
  internal: v.boolean(),
  attachable: v.boolean(),
  labels: v.record(v.string(), v.string()),
  options: v.record(v.string(), v.string()),
  ipam: IPAM,
  /** Null for networks without a device: host and none. */
  bridge: v.nullable(
    v.object({
      device: v.string(),
      /** `base/prefix`. */
      subnet: v.string(),
      /** The host's address on the bridge. */
      gateway: v.string(),
      /** Where containers send what is for the world, when that is not the host. */
      router: v.optional(v.string()),
      /** Where addresses are taken from; a part of `subnet`. */
      range: v.string(),
      /** Addresses never given out, in dotted form. */
      reserved: v.array(v.string()),
      mtu: v.number(),
      icc: v.boolean(),
      masquerade: v.boolean(),
      hostBinding: v.string(),
      /** Static addresses are for networks whose subnet the user chose. */
      userSubnet: v.boolean(),
    }),
  ),
});
export type NetworkRecord = v.InferOutput<typeof NetworkRecordSchema>;

export const networkKind: RecordKind<NetworkRecord> = {
  table: "networks",
  version: 1,
  parse: (document) => v.parse(NetworkRecordSchema, document),
  unique: {
    name: (network) => network.name,
    device: (network) => network.bridge?.device ?? null,
    subnet: (network) => network.bridge?.subnet ?? null,
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

export const endpointKind: RecordKind<EndpointRecord> = {
  table: "endpoints",
  version: 1,
  parse: (document) => v.parse(EndpointRecordSchema, document),
  unique: {
    address: ({ networkId, settings }) => (settings.IPAddress === "" ? null : `${networkId} ${settings.IPAddress}`),
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
  version: 1,
  parse: (document) => v.parse(SandboxRecordSchema, document),
};
