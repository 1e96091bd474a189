/** Which file keeps a container's output, and how much of it: the options as the supervisor is told of them. */
import { join } from "node:path";
import type { LogConfig } from "../api/host-config.ts";
import { messageOf } from "../lib/errors.ts";
import { parseBytes, parseDecimalBytes } from "../lib/units.ts";
import type { LogTarget } from "../supervisor/protocol.ts";
import type { LogInfo, LogOptions } from "./driver.ts";
import { remoteDriver } from "./drivers.ts";
import { parseBool, parseInteger } from "./go-values.ts";
import { extraAttributes, tagOf } from "./log-info.ts";

type Limits = Pick<LogTarget, "maxSize" | "maxFile" | "compress">;

const kib = 1024;
const mib = kib * kib;

/** What a json-file log without any word about its size is kept to. dockerd keeps all of it. */
export const jsonFileDefaults: Limits = { maxSize: 20_000_000, maxFile: 5, compress: true };

const localDefaults: Limits = { maxSize: 20 * mib, maxFile: 5, compress: true };

/** Where the output of a container in the directory `dir` is kept; "" with the driver `none`. */
export function logPath(dir: string, id: string, driver: string): string {
  if (driver === "none") return "";
  if (driver === "json-file") return join(dir, `${id}-json.log`);
  return driver === "local" ? join(dir, "local-logs", "container.log") : join(dir, "container-cached.log");
}

/** True when the file is kept only until its content is delivered. */
export function isCacheDisabled({ Type, Config }: LogConfig): boolean {
  return remoteDriver(Type) !== null && parseBool(Config["cache-disabled"] || "false");
}

/** Throws what the start of the container fails with, in Docker's words. */
export function logTarget(log: LogConfig, info: LogInfo, dir: string): LogTarget | null {
  const path = logPath(dir, info.containerId, log.Type);
  if (path === "") return null;
  const base = { path, format: "json-file" } as const;
  if (log.Type === "json-file") return { ...base, ...jsonFileLimits(log.Config), ...attributesOf(info) };
  if (log.Type === "local") return { ...base, ...localLimits(log.Config) };
  return { ...base, ...cacheLimits(log), position: `${path}.position` };
}

function attributesOf(info: LogInfo): Pick<LogTarget, "attrs"> {
  const tag = tagOf(info, "");
  const attrs = { ...extraAttributes(info), ...(tag !== "" && { tag }) };
  return Object.keys(attrs).length > 0 ? { attrs } : {};
}

/** `max-size=-1` is no limit, which dockerd says by leaving the option out. */
function jsonFileLimits(options: LogOptions): Limits {
  const { "max-size": size, "max-file": files, compress } = options;
  if (size === undefined && files === undefined && compress === undefined) return jsonFileDefaults;
  const maxSize = size === undefined || size === "-1" ? 0 : parseDecimalBytes(size);
  if (maxSize === 0 && size !== undefined && size !== "-1") throw new Error("max-size must be a positive number");
  const maxFile = files === undefined ? 1 : parseInteger(files);
  if (maxFile < 1) throw new Error("max-file cannot be less than 1");
  const packs = compress !== undefined && parseBool(compress);
  if (packs && (maxFile === 1 || maxSize === 0)) {
    throw new Error("compress cannot be true when max-file is less than 2 or max-size is not set");
  }
  return { maxSize, maxFile, compress: packs };
}

function localLimits(options: LogOptions): Limits {
  const { "max-size": size, "max-file": files, compress } = options;
  const limits = {
    maxSize: size === undefined ? localDefaults.maxSize : named("max-size", size, parseBytes),
    maxFile: files === undefined ? localDefaults.maxFile : named("max-file", files, parseInteger),
    compress: compress === undefined || named("compress", compress, parseBool),
  };
  if (limits.maxFile < 0) throw new Error("max file count cannot be less than 0");
  if (limits.compress && limits.maxFile <= 1) {
    throw new Error("compression cannot be enabled when max file count is 1");
  }
  return { ...limits, maxFile: Math.max(1, limits.maxFile) };
}

function named<T>(option: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    throw new Error(`invalid value for ${option}: ${text}: ${messageOf(error)}`);
  }
}

/** Without a cache, what a slow sink leaves waiting: two files of so many bytes. */
const spoolBytes = 4 * mib;

function cacheLimits(log: LogConfig): Limits {
  const { Config: options } = log;
  // The backlog of a non-blocking log waits in the file too, so that much must fit.
  const buffer = options["max-buffer-size"] === undefined ? 0 : parseBytes(options["max-buffer-size"]);
  if (isCacheDisabled(log)) return { maxSize: Math.max(spoolBytes, buffer), maxFile: 2, compress: false };
  const maxSize = options["cache-max-size"] ? parseBytes(options["cache-max-size"]) : localDefaults.maxSize;
  const maxFile = Math.max(
    1,
    options["cache-max-file"] ? parseInteger(options["cache-max-file"]) : localDefaults.maxFile,
  );
  const compress = maxFile > 1 && parseBool(options["cache-compress"] || "true");
  return { maxSize: Math.max(maxSize, Math.ceil(buffer / maxFile), 1), maxFile, compress };
}
