/** The three networks that every engine has. */
import { randomBytes } from "node:crypto";
import type { IPAMConfig } from "../api/networks.ts";
import { invalidArgument } from "../lib/errors.ts";
import { Rtnetlink } from "../linux/rtnetlink.ts";
import { type Pool, pickSubnet } from "./ipam.ts";
import {
  addressFromBytes,
  addressText,
  type Cidr,
  cidrOf,
  cidrText,
  contains,
  type Family,
  families,
  familyOf,
  firstOf,
  type IpAddress,
  parseAddress,
  parseCidr,
} from "./netd/ip.ts";
import type { PerFamily } from "./netd/protocol.ts";
import type { NetworksConfig } from "./networks.ts";
import { type Addressing, type NetworkRecord, subnetsOf } from "./record.ts";

/** Networks in use on this host; those on the devices of `except` are left out. */
export function usedOnHost(except: readonly string[]): Cidr[] {
  using route = new Rtnetlink();
  const skipped = new Set(except.map((name) => route.link(name)?.index));
  return [...route.addresses(), ...route.routes()]
    .filter((used) => !skipped.has(used.index))
    .map((used) => cidrOf(addressFromBytes(used.address), used.prefix));
}

/** What the default bridge is told in one family. */
interface FamilyConfig {
  /** Address and prefix of the bridge. */
  readonly address: string | undefined;
  readonly range: string | undefined;
  readonly router: string | undefined;
}

/** The names of the settings, for what is wrong with them. */
const settings = {
  ipv4: { address: "bip", range: "fixed-cidr", router: "default-gateway", shown: "DefaultGatewayIPv4" },
  ipv6: { address: "bip6", range: "fixed-cidr-v6", router: "default-gateway-v6", shown: "DefaultGatewayIPv6" },
} as const;

/** The predefined networks as the configuration wants them now: ids and addresses stay as they were where they may. */
export function defaultNetworks(
  config: NetworksConfig,
  pools: readonly Pool[],
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
      return defaultBridge(config, pools, old, others);
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
    ipv4: null,
    ipv6: null,
    device: null,
  };
}

function defaultBridge(
  config: NetworksConfig,
  pools: readonly Pool[],
  old: NetworkRecord | undefined,
  others: readonly NetworkRecord[],
): NetworkRecord {
  const inFamily = (family: Family, wanted: FamilyConfig): Addressing => {
    const taken = others.flatMap((network) =>
      subnetsOf(network, family).flatMap(({ subnet }) => parseCidr(subnet)?.cidr ?? []),
    );
    const context = { device: config.bridgeName, pools, old: old?.[family] ?? null, others: taken };
    return addressingOf(family, wanted, context);
  };
  const found = config.foreignBridge ? addressesOn(config.bridgeName) : undefined;
  const { bip = found?.ipv4, bip6 = found?.ipv6 } = config;
  const ipv4 = inFamily("ipv4", { address: bip, range: config.fixedCidr, router: config.defaultGateway });
  const ipv6 = config.ipv6
    ? inFamily("ipv6", { address: bip6, range: config.fixedCidr6, router: config.defaultGateway6 })
    : null;
  const foreign = found && { ipv4: found.ipv4 !== undefined, ipv6: found.ipv6 !== undefined };
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
        shownConfig("ipv4", ipv4, config.fixedCidr),
        ...(ipv6 ? [shownConfig("ipv6", ipv6, config.fixedCidr6)] : []),
      ],
    },
    ipv4,
    ipv6,
    device: {
      kind: "bridge",
      name: config.bridgeName,
      mtu: config.mtu,
      icc: config.icc,
      masquerade: config.ipMasquerade,
      hostBinding: "",
      ...(foreign ? { foreign } : {}),
      modes: { ipv4: "nat", ipv6: "nat" },
    },
  };
}

/** The first address of each family on a bridge that is not ours, with its prefix. */
function addressesOn(name: string): Partial<PerFamily<string>> {
  using route = new Rtnetlink();
  const link = route.link(name);
  const failed = 'error creating default "bridge" network: ';
  if (!link) {
    throw invalidArgument(`${failed}bridge device with non default name ${name} must be created manually`);
  }
  if (link.kind !== "bridge") throw invalidArgument(`${failed}existing interface ${name} is not a bridge`);
  const own = route.addresses().filter(({ index, linkLocal }) => index === link.index && !linkLocal);
  const texts = own.map(({ address, prefix }) => `${addressText(addressFromBytes(address))}/${prefix}`);
  return Object.fromEntries(
    families.flatMap((family) => {
      const text = texts.find((one) => familyOf(one) === family);
      return text === undefined ? [] : [[family, text]];
    }),
  );
}

function shownConfig(family: Family, { subnet, gateway, router }: Addressing, range: string | undefined): IPAMConfig {
  return {
    Subnet: subnet,
    ...(gateway === null ? {} : { Gateway: gateway }),
    ...(range ? { IPRange: range } : {}),
    ...(router === undefined ? {} : { AuxiliaryAddresses: { [settings[family].shown]: router } }),
  };
}

interface AddressingContext {
  readonly device: string;
  readonly pools: readonly Pool[];
  readonly old: Addressing | null;
  /** Subnets of other networks. */
  readonly others: readonly Cidr[];
}

function addressingOf(family: Family, wanted: FamilyConfig, context: AddressingContext): Addressing {
  const words = settings[family];
  const { subnet, gateway } = subnetOf(family, wanted, context);
  const range = wanted.range === undefined ? subnet : parseCidr(wanted.range)?.cidr;
  if (!range || !contains(subnet, firstOf(range))) throw invalidArgument(`invalid ${words.range}: ${wanted.range}`);
  const router = wanted.router === undefined ? undefined : parseAddress(wanted.router);
  if (wanted.router !== undefined && !(router && contains(subnet, router))) {
    throw invalidArgument(`invalid ${words.router}: ${wanted.router} is no address of ${cidrText(subnet)}`);
  }
  return {
    subnet: cidrText(subnet),
    gateway: addressText(gateway),
    ...(router ? { router: addressText(router) } : {}),
    range: cidrText(range),
    reserved: router ? [addressText(router)] : [],
    userSubnet: false,
  };
}

function subnetOf(
  family: Family,
  { address, range }: FamilyConfig,
  { device, pools, old, others }: AddressingContext,
): { subnet: Cidr; gateway: IpAddress } {
  const first = (subnet: Cidr) => ({ subnet, gateway: { family, value: subnet.base + 1n } });
  if (address !== undefined) {
    const parsed = parseCidr(address);
    if (parsed?.address.family !== family) {
      throw invalidArgument(`invalid ${settings[family].address}: ${address}: invalid CIDR address`);
    }
    return { subnet: parsed.cidr, gateway: parsed.address };
  }
  // Of IPv6 the range alone says where the bridge is, as with dockerd.
  const whole = family === "ipv6" && range !== undefined ? parseCidr(range)?.cidr : undefined;
  if (whole) return first(whole);
  const kept = old && parseCidr(old.subnet)?.cidr;
  const used = usedOnHost([device]);
  const clashes = kept && used.some((other) => contains(other, firstOf(kept)) || contains(kept, firstOf(other)));
  if (kept && !clashes && parseAddress(old.gateway ?? "")?.value === kept.base + 1n) return first(kept);
  return first(pickSubnet(family, pools, [...used, ...others]));
}
