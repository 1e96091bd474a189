/** Driver options of macvlan and ipvlan networks, and which of them may share a parent. */
import { notImplemented, systemError } from "../lib/errors.ts";
import { ifacePrefixOption } from "./endpoint-options.ts";
import { numberOption } from "./option-values.ts";
import type { NetworkRecord, UpperDevice } from "./record.ts";

const mtuOption = "com.docker.network.driver.mtu";
/** Of the network itself, whatever its driver. */
const general = new Set([
  mtuOption,
  ifacePrefixOption,
  "com.docker.network.enable_ipv4",
  "com.docker.network.enable_ipv6",
]);

export type UpperDriver = UpperDevice["kind"];
export const isUpperDriver = (driver: string): driver is UpperDriver => driver === "macvlan" || driver === "ipvlan";

const macvlanModes = ["bridge", "private", "vepa", "passthru"] as const;
const ipvlanModes = ["l2", "l3", "l3s"] as const;
const ipvlanFlags = ["bridge", "private", "vepa"] as const;

export interface UpperContext {
  /** The network's id. */
  readonly id: string;
  readonly existing: ReadonlyMap<string, NetworkRecord>;
}

/** A network that names no parent is given a dummy device of its own, which leads nowhere. */
export function upperDevice(
  driver: UpperDriver,
  options: Readonly<Record<string, string>>,
  { id, existing }: UpperContext,
): UpperDevice {
  for (const key of Object.keys(options)) {
    if (key.startsWith("com.docker.network.") && !general.has(key)) {
      throw notImplemented(`network driver option ${key} is not implemented yet`);
    }
  }
  const name = deviceName(driver, id);
  const mtu = numberOption(options[mtuOption], 0) || null;
  const base = { name, parent: options.parent || name, mtu };
  const pick = <T extends string>(what: "mode" | "flag", values: readonly [T, ...T[]]): T => {
    const text = options[`${driver}_${what}`];
    if (!text) return values[0];
    const found = values.find((one) => one === text);
    if (found) return found;
    const fallback = what === "mode" ? `'${values[0]}' mode is the` : `'${values[0]}' is the`;
    throw systemError(`requested ${driver} ${what} '${text}' is not valid, ${fallback} ${driver} driver default`);
  };
  const device: UpperDevice =
    driver === "macvlan"
      ? { kind: driver, ...base, mode: pick("mode", macvlanModes) }
      : { kind: driver, ...base, mode: pick("mode", ipvlanModes), flag: pick("flag", ipvlanFlags) };
  for (const [other, network] of existing) refuseShared(device, other, network);
  return device;
}

/** As Docker names the dummy devices of these drivers. */
const deviceName = (driver: UpperDriver, id: string): string =>
  `${driver === "macvlan" ? "dm" : "di"}-${id.slice(0, 12)}`;

/** A parent in passthru mode has one network, and so has every parent of an ipvlan. */
function refuseShared(device: UpperDevice, otherId: string, { device: other }: NetworkRecord): void {
  if (!other || other.kind === "bridge" || other.parent !== device.parent) return;
  const { parent } = device;
  if (device.kind === "ipvlan" && other.kind === "ipvlan") {
    throw systemError(`network ${other.name} is already using parent interface ${parent}`);
  }
  if (device.kind !== "macvlan" || other.kind !== "macvlan") return;
  if (device.mode === "passthru") {
    throw systemError(
      `cannot use mode passthru, macvlan network ${otherId} is already using parent interface ${parent}`,
    );
  }
  if (other.mode === "passthru") {
    throw systemError(`macvlan network ${otherId} is already using parent interface ${parent} in mode passthru`);
  }
}
