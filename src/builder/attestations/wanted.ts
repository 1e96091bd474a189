/** Which attestations a build is asked for. */
import { invalidArgument, notImplemented } from "../../lib/errors.ts";
import { isOn } from "../exporters/attributes.ts";
import type { Attestation } from "../request-results.ts";

export interface WantedProvenance {
  readonly mode: "min" | "max";
  readonly version: "v0.2" | "v1";
  readonly builderId: string;
  readonly isReproducible: boolean;
  /** Only where it lies beside an image: what clients ask for when nobody said anything. */
  readonly isInlineOnly: boolean;
}

export interface Wanted {
  readonly provenance: WantedProvenance | null;
  readonly sbom: boolean;
}

export function readWanted(attestations: readonly Attestation[]): Wanted {
  let provenance: WantedProvenance | null = null;
  let sbom = false;
  for (const { type, attributes } of attestations) {
    if (isOn(attributes, "disabled", false)) continue;
    if (type === "provenance") provenance = readProvenance(attributes);
    else if (type === "sbom") {
      refuseUnknown(type, attributes, ["generator", "disabled"]);
      const { generator = "" } = attributes;
      if (generator !== "") {
        throw notImplemented(
          `SBOM generator ${generator} is not supported: this engine's own scanner reads packages; leave generator out`,
        );
      }
      sbom = true;
    } else throw invalidArgument(`unknown attestation type ${JSON.stringify(type)}: use provenance or sbom`);
  }
  return { provenance, sbom };
}

function readProvenance(attributes: Attestation["attributes"]): WantedProvenance {
  refuseUnknown("provenance", attributes, [
    "mode",
    "version",
    "builder-id",
    "reproducible",
    "inline-only",
    "filename",
    "disabled",
  ]);
  const { mode = "min", version = "v0.2" } = attributes;
  if (mode !== "min" && mode !== "max")
    throw invalidArgument(`invalid mode ${JSON.stringify(mode)} of provenance: use min or max`);
  if (version !== "v0.2" && version !== "v1") {
    throw invalidArgument(`invalid version ${JSON.stringify(version)} of provenance: use v0.2 or v1`);
  }
  return {
    mode,
    version,
    builderId: attributes["builder-id"] ?? "",
    isReproducible: isOn(attributes, "reproducible", false),
    isInlineOnly: isOn(attributes, "inline-only", false),
  };
}

function refuseUnknown(type: string, attributes: Attestation["attributes"], known: readonly string[]): void {
  const unknown = Object.keys(attributes).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw invalidArgument(`unknown attribute ${JSON.stringify(unknown)} of attestation ${type}`);
}
