/** Checks of what callers name, before it becomes part of a path. */
import { invalidArgument } from "../lib/errors.ts";

/** The 64 hex digits of a chain id; throws `invalidArgument` for anything else. */
export function chainHex(chainId: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(chainId)) throw invalidArgument(`invalid chain id: ${JSON.stringify(chainId)}`);
  return chainId.slice("sha256:".length);
}

/** True for a key of a writable layer, which is safe as a file name. */
export function isKey(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(text);
}

/** `key`, when it is one. */
export function checkedKey(key: string): string {
  if (!isKey(key)) throw invalidArgument(`invalid snapshot key: ${JSON.stringify(key)}`);
  return key;
}
