/** The three networks that every engine has. */
import { randomBytes } from "node:crypto";
import { invalidArgument } from "../lib/errors.ts";
import { Rtnetlink } from "../linux/rtnetlink.ts";
import { pickSubnet } from "./ipam.ts";
import {
  addressFromBytes,
  addressText,
  type Cidr,
  cidrOf,
  cidrText,
  contains,
  parseAddress,
  parseCidr,
} from "./netd/ipv4.ts";
import type { NetworksConfig } from "./networks.ts";
import type { NetworkRecord } from "./record.ts";

/** Networks in use on this host; those on the devices of `except` are left out. */
export function usedOnHost(except: readonly string[]): Cidr[] {
  using route = new Rtnetlink();
  const skipped = new Set(except.map((name) => route.link(name)?.index));
  return [...route.addresses(), ...route.routes()]
    .filter((used) => !skipped.has(used.index))
    .map((used) => cidrOf(addressFromBytes(used.address), used.prefix));
}

/** The predefined networks as the configuration wants them now: ids and addresses stay as they were where they may. */
export function defaultNetworks(
  config: NetworksConfig,
  present: ReadonlyMap<string, NetworkRecord>,
): Map<string, NetworkRecord> {
  const wanted = new Map<string, NetworkRecord>();
  const put = (name: string, make: (old: NetworkRecord | undefined) => NetworkRecord): void => {
    const [id = randomBytes(32).toString("hex"), old] = [...present].find(([, network]) => network.name === name) ?? [];
    wanted.set(id, make(old));
  };
  put("host", (old) => old ?? plain("host", "host"));
  put("none", (old) => old ?? plain("none", "null"));
  if (config.bridgeName !== "none") {
    put("bridge", (old) => {
      const others = [...present.values()].filter((network) => network.name !== "bridge");
      return defaultBridge(config, old, others);
    });
  }
  return wanted;
}

function plain(name: string, driver: "host" | "null"): NetworkRecord {
  return {
    name,
    driver,
    created: new Date().toISOString(),
    internal: false,
    attachable: false,
    labels: {},
    options: {},
    ipam: { Driver: "default", Options: null, Config: [] },
    bridge: null,
  };
}

function defaultBridge(
  config: NetworksConfig,
  old: NetworkRecord | undefined,
  others: readonly NetworkRecord[],
): NetworkRecord {
  const { subnet, gateway } = subnetOf(config, old, others);
  const range = config.fixedCidr === undefined ? subnet : parseCidr(config.fixedCidr)?.cidr;
  if (!range || !contains(subnet, range.base)) throw invalidArgument(`invalid fixed-cidr: ${config.fixedCidr}`);
  const router = config.defaultGateway;
  if (router !== undefined && !contains(subnet, parseAddress(router) ?? -1)) {
    throw invalidArgument(`invalid default-gateway: ${router} is no address of ${cidrText(subnet)}`);
  }
  const prefix = "com.docker.network";
  return {
    ...plain("bridge", "host"),
    driver: "bridge",
    created: old?.created ?? new Date().toISOString(),
    options: {
      [`${prefix}.bridge.default_bridge`]: "true",
      [`${prefix}.bridge.enable_icc`]: String(config.icc),
      [`${prefix}.bridge.enable_ip_masquerade`]: String(config.ipMasquerade),
      [`${prefix}.bridge.host_binding_ipv4`]: config.hostBinding || "0.0.0.0",
      [`${prefix}.bridge.name`]: config.bridgeName,
      [`${prefix}.driver.mtu`]: String(config.mtu),
    },
    ipam: {
      Driver: "default",
      Options: null,
      Config: [
        {
          Subnet: cidrText(subnet),
          Gateway: gateway,
          ...(config.fixedCidr ? { IPRange: config.fixedCidr } : {}),
          ...(router === undefined ? {} : { AuxiliaryAddresses: { DefaultGatewayIPv4: router } }),
        },
      ],
    },
    bridge: {
      device: config.bridgeName,
      subnet: cidrText(subnet),
      gateway,
      ...(router === undefined ? {} : { router }),
      range: cidrText(range),
      reserved: router === undefined ? [] : [router],
      mtu: config.mtu,
      icc: config.icc,
      masquerade: config.ipMasquerade,
      hostBinding: "",
      userSubnet: false,
    },
  };
}

function subnetOf(
  config: NetworksConfig,
  old: NetworkRecord | undefined,
  others: readonly NetworkRecord[],
): { subnet: Cidr; gateway: string } {
  if (config.bip !== undefined) {
    const parsed = parseCidr(config.bip);
    if (!parsed) throw invalidArgument(`invalid bip: ${config.bip}: invalid CIDR address`);
    return { subnet: parsed.cidr, gateway: addressText(parsed.address) };
  }
  const kept = old?.bridge && parseCidr(old.bridge.subnet)?.cidr;
  const used = usedOnHost([config.bridgeName]);
  const own = others.flatMap((network) => parseCidr(network.bridge?.subnet ?? "")?.cidr ?? []);
  const clashes = kept && used.some((other) => contains(other, kept.base) || contains(kept, other.base));
  if (kept && !clashes && parseAddress(old?.bridge?.gateway ?? "") === kept.base + 1) {
    return { subnet: kept, gateway: addressText(kept.base + 1) };
  }
  const subnet = pickSubnet(config.addressPools, [...used, ...own]);
  return { subnet, gateway: addressText(subnet.base + 1) };
}
