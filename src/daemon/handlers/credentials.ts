import { nameFields } from "../../api/field-names.ts";
import { AuthConfig } from "../../api/system.ts";
import { parseWire } from "../../api/wire.ts";
import { parseJson } from "../../lib/json.ts";

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
