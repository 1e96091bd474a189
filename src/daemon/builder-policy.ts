import type { CacheEntry } from "../builder/builder.ts";
import type { CacheLimits, CacheRule } from "../builder/cache/cache-rules.ts";
import type { Grant } from "../builder/request-results.ts";
import { parseDuration } from "../lib/duration.ts";
import { parseJson } from "../lib/json.ts";
import { parseBytes } from "../lib/units.ts";

/** dockerd's keys of `builder.entitlements`. */
const grantsOfKeys: Readonly<Record<string, Grant>> = {
  "network-host": "network.host",
  "security-insecure": "security.insecure",
  device: "device",
};

/** What builds may be granted, and how much their cache may hold. */
export interface BuilderPolicy {
  readonly grants: ReadonlySet<Grant>;
  readonly cache: CacheLimits;
}

/** As dockerd's: a build that asks for it has the host's network, and nothing more; the cache follows the disk's size. */
export const defaultBuilderPolicy: BuilderPolicy = { grants: new Set(["network.host"]), cache: { enabled: true } };

/**
 * Reads dockerd's `builder`: `{"entitlements": {"network-host": true}, "gc": {"enabled": true, "defaultReservedSpace": "10GB",
 * "policy": [{"maxUsedSpace": "1GB", "filter": ["type=source.local", "unused-for=48h"], "all": false}]}}`.
 */
export function parseBuilder(text: string): BuilderPolicy {
  const { entitlements = {}, gc = {} } = objectOf("", parseJson(text), ["entitlements", "gc"]);
  return { grants: readGrants(entitlements), cache: readLimits(gc) };
}

function readGrants(entitlements: unknown): ReadonlySet<Grant> {
  const grants = new Set(defaultBuilderPolicy.grants);
  for (const [key, value] of Object.entries(objectOf("entitlements: ", entitlements, Object.keys(grantsOfKeys)))) {
    if (boolean(`entitlements: ${key}`, value)) grants.add(grantsOfKeys[key]!);
    else grants.delete(grantsOfKeys[key]!);
  }
  return grants;
}

/** The older `KeepStorage` is what is reserved. */
const limitKeys = [
  "enabled",
  "policy",
  "defaultKeepStorage",
  "defaultReservedSpace",
  "defaultMaxUsedSpace",
  "defaultMinFreeSpace",
];

function readLimits(value: unknown): CacheLimits {
  const fields = objectOf("gc: ", value, limitKeys);
  const amount = (key: string): number | undefined =>
    fields[key] === undefined ? undefined : bytes(`gc: ${key}`, fields[key]);
  const reservedBytes = amount("defaultReservedSpace") ?? amount("defaultKeepStorage");
  const maxUsedBytes = amount("defaultMaxUsedSpace");
  const minFreeBytes = amount("defaultMinFreeSpace");
  const { enabled = true, policy } = fields;
  if (policy !== undefined && !Array.isArray(policy)) throw new Error("gc: policy: expected a list");
  return {
    enabled: boolean("gc: enabled", enabled),
    ...(reservedBytes === undefined ? {} : { reservedBytes }),
    ...(maxUsedBytes === undefined ? {} : { maxUsedBytes }),
    ...(minFreeBytes === undefined ? {} : { minFreeBytes }),
    ...(policy === undefined ? {} : { rules: policy.map(readRule) }),
  };
}

const ruleKeys = ["all", "filter", "keepStorage", "reservedSpace", "maxUsedSpace", "minFreeSpace", "keepDuration"];

function readRule(value: unknown): CacheRule {
  const at = "gc: policy: ";
  const fields = objectOf(at, value, ruleKeys);
  const amount = (key: string): number => (fields[key] === undefined ? 0 : bytes(at + key, fields[key]));
  const { all = false, filter = [], keepDuration = "" } = fields;
  if (!Array.isArray(filter)) throw new Error(`${at}filter: expected a list`);
  const types: CacheEntry["type"][] = [];
  let unusedFor = keepDuration;
  for (const term of filter) {
    const [name, text = ""] = String(term).split(/={1,2}/, 2);
    if (name === "type") types.push(typeOf(at, text));
    else if (name === "unused-for") unusedFor = text;
    else throw new Error(`${at}filter: expected type=… or unused-for=…: ${term}`);
  }
  return {
    all: boolean(`${at}all`, all),
    types,
    unusedForMs: unusedFor === "" ? 0 : parseDuration(String(unusedFor)) / 1e6,
    reservedBytes: amount("reservedSpace") || amount("keepStorage"),
    maxUsedBytes: amount("maxUsedSpace"),
    minFreeBytes: amount("minFreeSpace"),
  };
}

const cacheTypes: readonly CacheEntry["type"][] = [
  "regular",
  "exec.cachemount",
  "source.git.checkout",
  "source.http",
  "source.local",
];

function typeOf(at: string, text: string): CacheEntry["type"] {
  const found = cacheTypes.find((type) => type === text);
  if (found === undefined) throw new Error(`${at}filter: unknown type: ${text}`);
  return found;
}

function bytes(at: string, value: unknown): number {
  if (typeof value !== "string") throw new Error(`${at}: expected a size such as "10GB"`);
  return parseBytes(value);
}

function boolean(at: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw new Error(`${at}: expected true or false`);
  return value;
}

function objectOf(at: string, value: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${at}expected an object`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new Error(`${at}unknown key: ${unknown}`);
  return { ...value };
}
