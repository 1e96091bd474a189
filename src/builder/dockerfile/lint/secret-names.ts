const secret = /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i;
const harmless = /(?:_|^)public(?:_|$)/i;

/** True for a variable that goes by the name of a secret. */
export function isSecretName(name: string): boolean {
  return secret.test(name) && !harmless.test(name);
}
