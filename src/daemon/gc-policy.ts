import type { GcPolicy } from "../engine/config.ts";
import { parseDuration } from "../lib/duration.ts";
import { parseJson } from "../lib/json.ts";

const hourMs = 3_600_000;

/** Without a policy of the user's: nothing by itself, and a week when asked. */
export const defaultGcPolicy: GcPolicy = {
  enabled: false,
  intervalMs: 24 * hourMs,
  imagesUnusedMs: 168 * hourMs,
  containersStoppedMs: 168 * hourMs,
};

/** Reads `{"enabled": true, "interval": "24h", "images": {"unused-for": "168h"}, "containers": {"stopped-for": "168h"}}`. */
export function parseGcPolicy(text: string): GcPolicy {
  const fields = objectOf("", parseJson(text), ["enabled", "interval", "images", "containers"]);
  const { enabled = false, interval = "24h" } = fields;
  if (typeof enabled !== "boolean") throw new Error("enabled: expected true or false");
  return {
    enabled,
    intervalMs: durationOf("interval", interval),
    // A policy names all that it gives up: what it does not name stays.
    imagesUnusedMs: ageOf("images", "unused-for", fields.images),
    containersStoppedMs: ageOf("containers", "stopped-for", fields.containers),
  };
}

function objectOf(where: string, value: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  const at = where === "" ? "" : `${where}: `;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`${at}expected an object`);
  }
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new Error(`${at}unknown keys: ${unknown.sort().join(", ")}`);
  return { ...value };
}

function ageOf(where: string, key: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const fields = objectOf(where, value, [key]);
  if (fields[key] === undefined) throw new Error(`${where}: ${key} is missing`);
  return durationOf(`${where}: ${key}`, fields[key]);
}

function durationOf(where: string, value: unknown): number {
  if (typeof value !== "string") throw new Error(`${where}: expected a duration such as "24h"`);
  const nanoseconds = parseDuration(value);
  if (nanoseconds < 1e9) throw new Error(`${where}: must be one second or longer: ${value}`);
  return nanoseconds / 1e6;
}
