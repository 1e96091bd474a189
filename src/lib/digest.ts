/** Content digests: `sha256:` and 64 lower-case hex digits, checked before any path or URL is made of one. */
import { invalidArgument } from "./errors.ts";

/** A checked digest. */
export type Digest = `sha256:${string}`;

const pattern = /^sha256:[0-9a-f]{64}$/;

/** True for a digest that this engine can verify. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && text.length === 71 && pattern.test(text);
}

const otherAlgorithm = /^(?!sha256:)([a-z0-9]{1,32}(?:[+._-][a-z0-9]{1,32})*):[0-9a-fA-F]+$/;

/** What is wrong with a digest that is none to {@link isDigest}; an algorithm that this engine has not is named. */
export function digestProblem(text: unknown): string {
  const algorithm = typeof text === "string" ? otherAlgorithm.exec(text.slice(0, 300))?.[1] : undefined;
  return algorithm === undefined ? "invalid digest" : `invalid digest: unsupported digest algorithm ${algorithm}`;
}

/** Throws `invalidArgument` for anything but `sha256:` and 64 lower-case hex digits. */
export function parseDigest(text: unknown): Digest {
  if (isDigest(text)) return text;
  if (typeof text === "string" && /^(?!sha256:)[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]+$/.test(text)) {
    throw invalidArgument("unsupported digest algorithm");
  }
  if (typeof text === "string" && /^sha256:[0-9a-f]+$/.test(text))
    throw invalidArgument("invalid checksum digest length");
  throw invalidArgument("invalid checksum digest format");
}

/** The digest of bytes held in memory. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}

/** The 64 hex digits. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}
