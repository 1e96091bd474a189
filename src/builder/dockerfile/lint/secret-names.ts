import type { Range } from "../syntax/source.ts";
import type { Linter } from "./linter.ts";

const secret = /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i;
const harmless = /(?:_|^)public(?:_|$)/i;

/** Reports a variable that goes by the name of a secret. */
export function checkSecretName(instruction: "ARG" | "ENV", name: string, range: Range, linter: Linter): void {
  if (secret.test(name) && !harmless.test(name)) linter.report("SecretsUsedInArgOrEnv", range, instruction, name);
}
