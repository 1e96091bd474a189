/** Flags about devices and kernel limits, one text each, as the API wants them. */
import type { HostConfig, Ulimit } from "../../api/host-config.ts";
import { splitFields, splitPair } from "../../lib/flags.ts";
import { parseSigned, parseUnsigned } from "../../lib/flags-numbers.ts";
import { parseBytes } from "../../lib/units.ts";

const isMode = (text: string): boolean => text !== "" && new Set(text).size === text.length && /^[rwm]+$/.test(text);

/** True for a device by its CDI name, `vendor/class=name` (https://github.com/cncf-tags/container-device-interface). */
export function isCdiName(text: string): boolean {
  return /^[A-Za-z][\w.-]*\/[A-Za-z][\w.-]*=[A-Za-z0-9][\w.:-]*$/.test(text);
}

/** `HOST[:CONTAINER][:MODE]`. */
export function device(text: string): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } {
  const parts = text.split(":");
  const [host = "", second = ""] = parts;
  if (parts.length > 3 || host === "") throw new Error(`bad format for path: ${text}`);
  const mode = parts.length === 3 ? parts[2]! : parts.length === 2 && isMode(second) ? second : "rwm";
  if (!isMode(mode)) throw new Error(`bad mode specified: ${mode}`);
  const inside = parts.length === 1 || (parts.length === 2 && isMode(second)) ? host : second;
  if (!inside.startsWith("/")) throw new Error(`${inside} is not an absolute path`);
  return { PathOnHost: host, PathInContainer: inside || host, CgroupPermissions: mode };
}

/** `TYPE MAJOR:MINOR MODE`, as the cgroup's own list of devices has it. */
export function checkCgroupRule(text: string): string {
  if (!/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(text)) throw new Error(`invalid device cgroup format '${text}'`);
  return text;
}

/** `/dev/PATH:VALUE`. */
function devicePair(text: string): [path: string, value: string] {
  const [path, value] = splitPair(text, ":");
  if (path === "" || !text.includes(":")) throw new Error(`bad format: ${text}`);
  if (!path.startsWith("/dev/")) throw new Error(`bad format for device path: ${text}`);
  return [path, value];
}

const rateForms = {
  bytes: "<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb",
  operations: "<device-path>:<number>. Number must be a positive integer",
};

function throttle(
  text: string,
  unit: keyof typeof rateForms,
  parse: (rate: string) => number,
): { Path: string; Rate: number } {
  const [Path, rate] = devicePair(text);
  try {
    return { Path, Rate: parse(rate) };
  } catch {
    throw new Error(`invalid rate for device: ${text}. The correct format is ${rateForms[unit]}`);
  }
}

/** `/dev/PATH:BYTES`, in a second. */
export const byteRate = (text: string): { Path: string; Rate: number } => throttle(text, "bytes", parseBytes);

/** `/dev/PATH:OPERATIONS`, in a second. */
export const operationRate = (text: string): { Path: string; Rate: number } =>
  throttle(text, "operations", parseUnsigned);

/** `/dev/PATH:WEIGHT`. */
export function weightDevice(text: string): { Path: string; Weight: number } {
  const [Path, weight] = devicePair(text);
  const Weight = /^\d+$/.test(weight) ? Number(weight) : -1;
  if (Weight !== 0 && (Weight < 10 || Weight > 1000)) throw new Error(`invalid weight for device: ${text}`);
  return { Path, Weight };
}

/** The limits that a container may be given, by the names of ulimit(1) and getrlimit(2). */
const limits: ReadonlySet<string> = new Set(
  `core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack`.split(" "),
);

/** `NAME=SOFT[:HARD]`. */
export function ulimit(text: string): Ulimit {
  const [Name, range] = splitPair(text);
  if (!text.includes("=")) throw new Error(`invalid ulimit argument: ${text}`);
  if (!limits.has(Name)) throw new Error(`invalid ulimit type: ${Name}`);
  const bounds = range.split(":");
  if (bounds.length > 2) {
    throw new Error(`too many limit value arguments - ${range}, can only have up to two, \`soft[:hard]\``);
  }
  const Hard = parseSigned(bounds.at(-1)!);
  const Soft = parseSigned(bounds[0]!);
  if (Hard !== -1 && (Soft === -1 || Soft > Hard)) {
    const shown = Soft === -1 ? `soft: -1 (unlimited), hard: ${Hard}` : `${Soft} > ${Hard}`;
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${shown}`);
  }
  return { Name, Soft, Hard };
}

function gpuCount(text: string): number {
  if (text === "all") return -1;
  if (!/^[+-]?\d+$/.test(text)) {
    throw new Error(`invalid count (${text}): value must be either "all" or an integer: invalid syntax`);
  }
  return Number(text);
}

/** `all`, a count, or `key=value` fields. */
export function gpuRequest(text: string): NonNullable<HostConfig["DeviceRequests"]>[number] {
  const request = {
    Driver: "",
    Count: 0,
    DeviceIDs: null as string[] | null,
    Capabilities: [["gpu"]],
    Options: {} as Record<string, string>,
  };
  const seen = new Set<string>();
  for (const field of splitFields(text)) {
    const [key, value] = splitPair(field);
    if (seen.has(key)) throw new Error(`gpu request key '${key}' can be specified only once`);
    seen.add(key);
    if (!field.includes("=")) {
      seen.add("count");
      request.Count = gpuCount(key);
    } else if (key === "count") request.Count = gpuCount(value);
    else if (key === "driver") request.Driver = value;
    else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "capabilities") request.Capabilities = [[...value.split(","), "gpu"]];
    else if (key === "options") request.Options = Object.fromEntries(splitFields(value).map((each) => splitPair(each)));
    else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  if (!seen.has("count") && request.DeviceIDs === null) request.Count = 1;
  return request;
}
