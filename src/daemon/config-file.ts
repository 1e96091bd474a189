/** `daemon.json`: dockerd's keys for the flags, with dockerd's refusals of unknown and doubled ones. */
import { messageOf } from "../lib/errors.ts";
import type { Flag } from "../lib/flags.ts";
import { parseJson } from "../lib/json.ts";
import { maskedProxy } from "../registry/proxies.ts";
import { daemonFlags, parseUlimit } from "./config-flags.ts";
import { refusedKeys } from "./config-flags-other.ts";

type FlagName = keyof typeof daemonFlags;

/** Keys whose name differs from their flag's: those that hold several values, mostly. */
const keysOfFlags: Partial<Record<FlagName, string>> = {
  "add-runtime": "runtimes",
  "default-address-pool": "default-address-pools",
  "default-ulimit": "default-ulimits",
  "dns-opt": "dns-opts",
  host: "hosts",
  "host-gateway-ip": "host-gateway-ips",
  "insecure-registry": "insecure-registries",
  label: "labels",
  "log-opt": "log-opts",
  "plugin-dir": "plugin-dirs",
  "registry-mirror": "registry-mirrors",
  "authorization-plugin": "authorization-plugins",
  "cdi-spec-dir": "cdi-spec-dirs",
  "default-network-opt": "default-network-opts",
  "exec-opt": "exec-opts",
  feature: "features",
  "node-generic-resource": "node-generic-resources",
  "storage-opt": "storage-opts",
};

/** Flags that no file can set. */
const flagsOnly: ReadonlySet<string> = new Set(["config-file", "validate", "version"]);

const flagsOfKeys = new Map<string, FlagName>(
  (Object.keys(daemonFlags) as FlagName[])
    .filter((name) => !flagsOnly.has(name))
    .map((name) => [keysOfFlags[name] ?? name, name]),
);

/** Directives that may stand in both places; the file adds to the flag. */
const mergedKeys: ReadonlySet<string> = new Set(["runtimes"]);

/**
 * The values of the file by flag name. `given` are the values of the flags that stand on the command line; a directive in
 * both places is an error, as is one that nobody knows.
 */
export function readConfigFile(path: string, text: string, given: ReadonlyMap<string, unknown>): Map<string, unknown> {
  const prefix = `unable to configure the Docker daemon with file ${path}`;
  const document = flattened(decode(prefix, text));
  const unknown = Object.keys(document).filter((key) => !flagsOfKeys.has(key) && !(key in refusedKeys));
  if (unknown.length > 0) {
    throw new Error(
      `${prefix}: the following directives don't match any configuration option: ${unknown.sort().join(", ")}`,
    );
  }
  const values = new Map<string, unknown>();
  const doubled: string[] = [];
  for (const [key, value] of Object.entries(document)) {
    const name = flagsOfKeys.get(key);
    if (name && given.has(name) && !mergedKeys.has(key)) {
      const shown = key.endsWith("-proxy") ? maskedProxy : (each: string) => each;
      doubled.push(
        `${key}: (from flag: ${shown(flagText(name, given.get(name)))}, from file: ${shown(goText(value))})`,
      );
    }
    try {
      if (!name) throw new Error(`not supported by this engine: ${refusedKeys[key]}`);
      const read = readValue(name, value);
      values.set(name, mergedKeys.has(key) ? { ...(given.get(name) ?? {}), ...(read as object) } : read);
    } catch (error) {
      throw new Error(`${prefix}: ${key}: ${messageOf(error)}`);
    }
  }
  if (doubled.length > 0) {
    throw new Error(
      `${prefix}: the following directives are specified both as a flag and in the configuration file: ${doubled.sort().join(", ")}`,
    );
  }
  return values;
}

/** With the keys of `proxies` in its place, which are those of flags. */
function flattened({ proxies, ...rest }: Record<string, unknown>): Record<string, unknown> {
  if (proxies === undefined || proxies === null) return rest;
  return isObject(proxies) ? { ...rest, ...proxies } : { ...rest, proxies };
}

function decode(prefix: string, text: string): Record<string, unknown> {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new Error(`${prefix}: ${messageOf(error)}`);
  }
  if (!isObject(value)) throw new Error(`${prefix}: the configuration must be a JSON object`);
  return value;
}

/** A flag's value as Go prints it. */
function flagText(name: FlagName, value: unknown): string {
  if (name !== "default-ulimit" || !isObject(value)) return goText(value);
  const limits = Object.entries(value).map(([limit, text]) => {
    const { soft, hard } = parseUlimit(String(text));
    return `${limit}=${soft}:${hard}`;
  });
  return `[${limits.join(" ")}]`;
}

/** As Go's `%v`. */
function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (!isObject(value)) return value === null ? "<nil>" : String(value);
  const keys = Object.keys(value).sort();
  return `map[${keys.map((key) => `${key}:${goText(value[key])}`).join(" ")}]`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A JSON value in the place of one or several occurrences of a flag, checked by the flag's own parser. */
function readValue(name: FlagName, value: unknown): unknown {
  const spec: Flag<unknown> = daemonFlags[name];
  const wanted = Array.isArray(spec.initial) ? "list" : isObject(spec.initial) ? "map" : typeof spec.initial;
  const occurrences = occurrencesOf(name, value, wanted);
  return occurrences.reduce((previous, text, index) => spec.parse(text, previous, index), spec.initial);
}

function occurrencesOf(name: FlagName, value: unknown, wanted: string): string[] {
  if (name === "gc" || name === "builder") return [JSON.stringify(value)];
  if (wanted === "list") {
    if (!Array.isArray(value)) throw new Error("expected a list");
    return value.map((item) => (name === "default-address-pool" ? poolText(item) : textOf(item)));
  }
  if (wanted === "map") {
    if (!isObject(value)) throw new Error("expected an object");
    return Object.entries(value).flatMap(([key, item]) =>
      name === "default-network-opt" ? optionTexts(key, item) : `${key}=${mapText(name, item)}`,
    );
  }
  if (wanted === "boolean" && typeof value !== "boolean") throw new Error("expected true or false");
  if (wanted === "string" && typeof value !== "string") throw new Error("expected a string");
  if (wanted === "undefined" && typeof value === "object") return [JSON.stringify(value)];
  return [textOf(value)];
}

function textOf(value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
    throw new Error("expected a plain value");
  }
  return String(value);
}

function poolText(value: unknown): string {
  if (!isObject(value)) throw new Error("expected objects with base and size");
  return `base=${textOf(value.base)},size=${textOf(value.size)}`;
}

/** The options of one driver. */
function optionTexts(driver: string, options: unknown): string[] {
  if (!isObject(options)) throw new Error("expected an object of options for each driver");
  return Object.entries(options).map(([option, value]) => `${driver}=${option}=${textOf(value)}`);
}

function mapText(name: FlagName, value: unknown): string {
  if (name === "add-runtime") {
    if (!isObject(value)) throw new Error("expected objects with a path");
    if (value.runtimeType !== undefined || (Array.isArray(value.runtimeArgs) && value.runtimeArgs.length > 0)) {
      throw new Error("only a path is supported for a runtime");
    }
    return textOf(value.path);
  }
  if (name === "default-ulimit") {
    if (!isObject(value)) throw new Error("expected objects with Soft and Hard");
    return `${textOf(value.Soft)}:${textOf(value.Hard ?? value.Soft)}`;
  }
  return textOf(value);
}
