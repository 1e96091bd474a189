/** `--attest`, `--sbom` and `--provenance`. */
import { ExitError } from "../command.ts";
import { csvOf, switchOf } from "./fields.ts";

/** Parameters by kind of attestation; null for a kind that is switched off. */
export type Attestations = ReadonlyMap<string, string | null>;

export interface AttestationFlags {
  readonly attest: readonly string[];
  readonly sbom: string;
  readonly provenance: string;
}

/** `--attest` first; the shorthands stand above it. Exits for a kind that is given twice. */
export function readAttestations({ attest, sbom, provenance }: AttestationFlags): Attestations {
  const found = new Map<string, string | null>();
  for (const text of attest) {
    const fields = csvOf(text, `invalid attestation ${JSON.stringify(text)}`);
    const [name, type] = kindOf(fields, text);
    if (name !== "type" || type === "") throw new ExitError(1, "attestation type not specified");
    if (found.has(type)) throw new ExitError(1, `duplicate attestation field ${type}`);
    add(
      found,
      type,
      fields.filter((field) => field !== `type=${type}`),
    );
  }
  if (sbom !== "") add(found, "sbom", shorthand(sbom, "generator"));
  if (provenance !== "") add(found, "provenance", shorthand(provenance, "mode"));
  return found;
}

function kindOf(fields: readonly string[], text: string): [string, string] {
  const pairs = fields.map((field): [string, string] => {
    const at = field.indexOf("=");
    if (at < 0) throw new ExitError(1, `invalid value ${text}`);
    return [field.slice(0, at), field.slice(at + 1)];
  });
  return pairs.find(([name]) => name === "type") ?? ["", ""];
}

/** `true`, `false`, or the value of one field, or fields. */
function shorthand(text: string, field: string): string[] {
  const fields = csvOf(text, `invalid attestation ${JSON.stringify(text)}`);
  if (fields.some((each) => each.includes("="))) return fields;
  if (/^(1|t|true|0|f|false)$/i.test(text)) return /^(1|t|true)$/i.test(text) ? [] : ["disabled=true"];
  return [`${field}=${text}`];
}

function add(found: Map<string, string | null>, type: string, fields: readonly string[]): void {
  const off = fields.find((field) => field.startsWith("disabled="));
  const isOff = off !== undefined && switchOf(off.slice("disabled=".length), "disabled", `attestation ${type}`);
  found.set(type, isOff ? null : fields.filter((field) => field !== off).join(","));
}
