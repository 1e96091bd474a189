import type { Grant } from "../builder/request-results.ts";
import { parseJson } from "../lib/json.ts";

/** dockerd's keys of `builder.entitlements`. */
const grantsOfKeys: Readonly<Record<string, Grant>> = {
  "network-host": "network.host",
  "security-insecure": "security.insecure",
  device: "device",
};

/** As dockerd's: a build that asks for it has the host's network, and nothing more. */
export const defaultBuildGrants: ReadonlySet<Grant> = new Set(["network.host"]);

/** Reads `{"entitlements": {"network-host": true, "security-insecure": false, "device": false}}`. */
export function parseBuilder(text: string): ReadonlySet<Grant> {
  const { entitlements = {}, ...others } = objectOf("", parseJson(text));
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new Error(`unknown key: ${unknown}`);
  const grants = new Set(defaultBuildGrants);
  for (const [key, value] of Object.entries(objectOf("entitlements: ", entitlements))) {
    const grant = grantsOfKeys[key];
    if (grant === undefined) throw new Error(`entitlements: unknown key: ${key}`);
    if (typeof value !== "boolean") throw new Error(`entitlements: ${key}: expected true or false`);
    if (value) grants.add(grant);
    else grants.delete(grant);
  }
  return grants;
}

function objectOf(at: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${at}expected an object`);
  return { ...value };
}
