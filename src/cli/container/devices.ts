/** Flags about devices and kernel limits, one text each, as the API wants them. */
import type { HostConfig, Ulimit } from "../../api/host-config.ts";
import { splitCsv, splitPair } from "../../lib/flags.ts";

/** `HOST[:CONTAINER][:MODE]`. */
export function device(text: string): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } {
  const parts = text.split(":");
  const isMode = (part: string): boolean => /^[rwm]{1,3}$/.test(part);
  const [host = "", second = "", third = ""] = parts;
  if (parts.length > 3 || host === "") throw new Error(`invalid device specification: ${text}`);
  if (parts.length === 3 && !isMode(third)) throw new Error(`invalid device specification: ${text}`);
  if (parts.length === 2 && isMode(second))
    return { PathOnHost: host, PathInContainer: host, CgroupPermissions: second };
  return { PathOnHost: host, PathInContainer: second || host, CgroupPermissions: third || "rwm" };
}

/** `/dev/PATH:RATE`. */
export function throttle(text: string, parse: (rate: string) => number): { Path: string; Rate: number } {
  const [path, rate] = splitPair(text, ":");
  const value = parse(rate);
  if (!path.startsWith("/dev/") || rate === "" || !Number.isInteger(value) || value < 0) {
    throw new Error(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
    );
  }
  return { Path: path, Rate: value };
}

/** `/dev/PATH:WEIGHT`. */
export function weightDevice(text: string): { Path: string; Weight: number } {
  const [path, weight] = splitPair(text, ":");
  const value = Number(weight);
  if (!path.startsWith("/dev/") || !(value === 0 || (value >= 10 && value <= 1000)))
    throw new Error(`invalid weight for device: ${text}`);
  return { Path: path, Weight: value };
}

/** `NAME=SOFT[:HARD]`. */
export function ulimit(text: string): Ulimit {
  const [name, limits] = splitPair(text);
  const [soft = "", hard = soft] = limits.split(":");
  const number = (value: string): number => {
    if (!/^-?\d+$/.test(value)) throw new Error(`invalid ulimit argument: ${text}`);
    return Number(value);
  };
  return { Name: name, Soft: number(soft), Hard: number(hard) };
}

/** `all`, a count, or `key=value` fields. */
export function gpuRequest(text: string): NonNullable<HostConfig["DeviceRequests"]>[number] {
  const request = { Driver: "", Count: 0, DeviceIDs: null as string[] | null, Capabilities: [["gpu"]], Options: {} };
  for (const field of splitCsv(text)) {
    const [key, value] = splitPair(field);
    if (field === "all" || (key === "count" && value === "all")) request.Count = -1;
    else if (/^\d+$/.test(field)) request.Count = Number(field);
    else if (key === "count") request.Count = Number(value);
    else if (key === "driver") request.Driver = value;
    else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "capabilities") request.Capabilities = [[...value.split(","), "gpu"]];
    else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  return request;
}
