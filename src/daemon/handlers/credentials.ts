import { nameFields } from "../../api/field-names.ts";
import { AuthConfig } from "../../api/system.ts";
import { parseWire } from "../../api/wire.ts";
import { parseJson } from "../../lib/json.ts";
import { hostOf } from "../../registry/auth.ts";

/**
 * The header `X-Registry-Auth`: base64url of an AuthConfig's JSON. What cannot be read counts as no credentials, as dockerd
 * has it; the value itself is never reported.
 */
export function readRegistryAuth(header: string | undefined): AuthConfig | undefined {
  if (header === undefined || header === "") return undefined;
  try {
    const value = parseJson(Buffer.from(header, "base64url").toString("utf8"));
    return parseWire(AuthConfig, nameFields(AuthConfig, value));
  } catch {
    return undefined;
  }
}

/**
 * The header `X-Registry-Config`: base64url of a JSON object with an AuthConfig for each registry. By the registry's domain as
 * references have it; what cannot be read counts as none.
 */
export function readRegistryConfig(header: string | undefined): ReadonlyMap<string, AuthConfig> {
  const auths = new Map<string, AuthConfig>();
  if (header === undefined || header === "") return auths;
  try {
    const all = parseJson(Buffer.from(header, "base64url").toString("utf8"));
    if (typeof all !== "object" || all === null) return auths;
    for (const [server, value] of Object.entries(all)) {
      const host = hostOf(server);
      const isHub = host === "index.docker.io" || host === "registry-1.docker.io";
      auths.set(isHub ? "docker.io" : host, parseWire(AuthConfig, nameFields(AuthConfig, value)));
    }
  } catch {
    // As dockerd has it: no credentials, and not a word of them in any message.
  }
  return auths;
}
