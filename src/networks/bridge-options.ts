/** Driver options of a bridge network: Docker's labels, read and checked. */
import { invalidArgument, notImplemented } from "../lib/errors.ts";
import { ifacePrefixOption, isDeviceName } from "./endpoint-options.ts";
import { addressText, type Family, families, parseAddress } from "./netd/ip.ts";
import type { GatewayMode } from "./netd/protocol.ts";
import { booleanOption, numberOption } from "./option-values.ts";
import type { BridgeDevice } from "./record.ts";

const option = "com.docker.network";

/** Options that are known; others of Docker's are refused by name rather than ignored. */
const known = {
  name: `${option}.bridge.name`,
  icc: `${option}.bridge.enable_icc`,
  masquerade: `${option}.bridge.enable_ip_masquerade`,
  hostBinding: `${option}.bridge.host_binding_ipv4`,
  inhibit: `${option}.bridge.inhibit_ipv4`,
  trusted: `${option}.bridge.trusted_host_interfaces`,
  /** A mark of the default bridge, which changes nothing. */
  defaultBridge: `${option}.bridge.default_bridge`,
  prefix: ifacePrefixOption,
  mtu: `${option}.driver.mtu`,
  modes: { ipv4: `${option}.bridge.gateway_mode_ipv4`, ipv6: `${option}.bridge.gateway_mode_ipv6` },
  source: { ipv4: `${option}.host_ipv4`, ipv6: `${option}.host_ipv6` },
  enable: { ipv4: `${option}.enable_ipv4`, ipv6: `${option}.enable_ipv6` },
} as const;

const names = new Set<string>(
  Object.values(known).flatMap((one) => (typeof one === "string" ? [one] : Object.values(one))),
);

type Options = Readonly<Record<string, string>>;

export interface BridgeContext {
  /** The network's id, which names a device that has no name of its own. */
  readonly id: string;
  /** MTU of networks that ask for none. */
  readonly mtu: number;
  readonly internal: boolean;
}

/** Throws `invalidArgument` for a value that cannot be, `notImplemented` for an option that is not there yet. */
export function bridgeOptions(options: Options, { id, mtu, internal }: BridgeContext): Omit<BridgeDevice, "kind"> {
  for (const key of Object.keys(options)) {
    if (key.startsWith(`${option}.`) && !names.has(key)) {
      throw notImplemented(`network driver option ${key} is not implemented yet`);
    }
  }
  const name = options[known.name] ?? `br-${id.slice(0, 12)}`;
  if (!isDeviceName(name)) {
    throw invalidArgument(`invalid bridge name: ${JSON.stringify(name)}`);
  }
  const modes = { ipv4: modeOf(options, "ipv4"), ipv6: modeOf(options, "ipv6") };
  if (!internal && families.some((family) => modes[family] === "isolated")) {
    throw invalidArgument("gateway mode 'isolated' can only be used for an internal network");
  }
  const sources = sourcesOf(options);
  const trusted = trustedOf(options);
  booleanOption(known.defaultBridge, options[known.defaultBridge]);
  return {
    name,
    mtu: numberOption(options[known.mtu], mtu),
    icc: booleanOption(known.icc, options[known.icc]) ?? true,
    masquerade: booleanOption(known.masquerade, options[known.masquerade]) ?? true,
    hostBinding: addressOption(options, known.hostBinding) ?? "",
    ...(booleanOption(known.inhibit, options[known.inhibit]) ? { inhibitIpv4: true } : {}),
    ...(sources ? { sources } : {}),
    ...(trusted.length > 0 ? { trusted } : {}),
    modes,
  };
}

/** Whether an option says that the network carries a family; undefined when none does. */
export const enableOption = (options: Options, family: Family): boolean | undefined =>
  booleanOption(known.enable[family], options[known.enable[family]]);

function sourcesOf(options: Options): BridgeDevice["sources"] {
  const given = families.flatMap((family) => {
    const address = addressOption(options, known.source[family], family);
    return address === undefined ? [] : [[family, address]];
  });
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}

/** Undefined where the option is empty or absent. */
function addressOption(options: Options, name: string, family?: Family): string | undefined {
  const text = options[name];
  if (!text) return undefined;
  const address = parseAddress(text);
  if (!address || (family && address.family !== family)) {
    throw invalidArgument(`failed to parse ${name} value: ${text} (nil ip)`);
  }
  return addressText(address);
}

/** Names of devices with colons between them; a device need not be there yet. */
function trustedOf(options: Options): string[] {
  const devices = (options[known.trusted] ?? "").split(":").filter((name) => name !== "");
  for (const name of devices) {
    if (!isDeviceName(name)) throw invalidArgument(`invalid device name in ${known.trusted}: ${JSON.stringify(name)}`);
  }
  return [...new Set(devices)];
}

function modeOf(options: Options, family: Family): GatewayMode {
  const name = known.modes[family];
  const text = options[name] || "nat";
  if (text === "nat" || text === "nat-unprotected" || text === "routed" || text === "isolated") return text;
  throw invalidArgument(`failed to parse ${name} value: ${text} (unknown gateway mode ${text})`);
}
