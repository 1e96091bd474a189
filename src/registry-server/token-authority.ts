/**
 * Tokens of a token server elsewhere (Docker's token authentication; RFC 7515, 7519): who may do what is its business, that it said so is
 * checked here. Its keys come from a file of theirs (JWKS, by `kid`) or from certificates, of which a token may bring the chain (`x5c`).
 */
import { createPublicKey, type KeyObject, verify, X509Certificate } from "node:crypto";
import * as v from "valibot";
import { type FlagValues, UsageError } from "../lib/flags.ts";
import { parseJson } from "../lib/json.ts";
import type { registryFlags } from "./flags.ts";
import { WatchedFile } from "./watched-file.ts";

export interface TokenAuthorityOptions {
  /** Where clients get tokens. */
  readonly realm: string;
  /** Whom tokens must be for, and from. */
  readonly service: string;
  readonly issuer: string;
  /** By `kid`; null without a file of them. */
  readonly keys: WatchedFile<ReadonlyMap<string, KeyObject>> | null;
  readonly certificates: WatchedFile<readonly X509Certificate[]> | null;
}

/** What a token lets its bearer do. */
export interface GrantedAccess {
  readonly subject: string;
  readonly access: readonly { readonly type: string; readonly name: string; readonly actions: readonly string[] }[];
}

/** Algorithms by their names (RFC 7518, 3.1); none that a public key could be abused for. */
const algorithms: Readonly<
  Record<string, { readonly hash: string | null; readonly type: string; readonly curve?: string }>
> = {
  RS256: { hash: "sha256", type: "rsa" },
  RS384: { hash: "sha384", type: "rsa" },
  RS512: { hash: "sha512", type: "rsa" },
  ES256: { hash: "sha256", type: "ec", curve: "prime256v1" },
  ES384: { hash: "sha384", type: "ec", curve: "secp384r1" },
  ES512: { hash: "sha512", type: "ec", curve: "secp521r1" },
  EdDSA: { hash: null, type: "ed25519" },
};

const Header = v.object({
  alg: v.string(),
  kid: v.optional(v.string(), ""),
  x5c: v.optional(v.pipe(v.array(v.string()), v.maxLength(10)), []),
});
const Claims = v.object({
  iss: v.string(),
  aud: v.union([v.string(), v.array(v.string())]),
  sub: v.optional(v.string(), ""),
  exp: v.number(),
  nbf: v.optional(v.number(), 0),
  access: v.optional(
    v.nullable(v.array(v.object({ type: v.string(), name: v.string(), actions: v.array(v.string()) }))),
    [],
  ),
});

/** How far the clocks may be apart, in seconds. */
const leeway = 60;
/** Most bytes of a token. */
const maxToken = 64 * 1024;

/** Null where tokens are nobody else's. Throws {@link UsageError}, and for files that cannot be read. */
export function tokenAuthorityOptions(
  values: FlagValues<typeof registryFlags>,
  log: (message: string) => void,
): TokenAuthorityOptions | null {
  const [realm, service, issuer] = [values["token-realm"], values["token-service"], values["token-issuer"]];
  const [jwks, certs] = [values["token-jwks"], values["token-certs"]];
  if (realm + service + issuer + jwks + certs === "") return null;
  if (values.htpasswd !== "" || values.tokens)
    throw new UsageError(
      "--token-realm and --htpasswd exclude each other: who users are is the token server's business",
    );
  if (realm === "" || service === "" || issuer === "" || jwks + certs === "")
    throw new UsageError(
      "--token-realm, --token-service, --token-issuer and one of --token-jwks, --token-certs go together",
    );
  if (!/^https?:$/.test(URL.parse(realm)?.protocol ?? "") || /["\s]/.test(realm + service))
    throw new UsageError("invalid --token-realm: expected https://HOST/PATH");
  return {
    realm,
    service,
    issuer,
    keys: jwks === "" ? null : new WatchedFile(jwks, keysIn, log),
    certificates: certs === "" ? null : new WatchedFile(certs, certificatesIn, log),
  };
}

export class TokenAuthority {
  readonly #options: TokenAuthorityOptions;

  constructor(options: TokenAuthorityOptions) {
    this.#options = options;
  }

  /** The challenge that sends clients to the token server; `scope` "" asks for nothing in particular. */
  challenge(scope: string): string {
    const { realm, service } = this.#options;
    return `Bearer realm="${realm}",service="${service}"${scope === "" ? "" : `,scope="${scope}"`}`;
  }

  /** What a token allows now; null for every text that is no good token of the authority for this service. */
  verify(token: string, now = Date.now()): GrantedAccess | null {
    const [head = "", body = "", signature = "", ...more] = token.length <= maxToken ? token.split(".") : [];
    const header = v.safeParse(Header, decoded(head));
    if (more.length > 0 || !header.success) return null;
    const { alg } = header.output;
    const signed = Buffer.from(`${head}.${body}`);
    const bytes = Buffer.from(signature, "base64url");
    if (!this.#candidates(header.output, now).some((key) => isSigned(alg, key, signed, bytes))) return null;
    const claims = v.safeParse(Claims, decoded(body));
    if (!claims.success) return null;
    const { iss, aud, sub, exp, nbf, access } = claims.output;
    const at = now / 1000;
    if (iss !== this.#options.issuer || ![aud].flat().includes(this.#options.service)) return null;
    return nbf <= at + leeway && at < exp + leeway ? { subject: sub, access: access ?? [] } : null;
  }

  /** Keys that may have signed: only such as the operator trusts, whatever a token brings along. */
  #candidates({ kid, x5c }: v.InferOutput<typeof Header>, now: number): readonly KeyObject[] {
    const { keys, certificates } = this.#options;
    const trusted = certificates?.value ?? [];
    if (x5c.length > 0 && trusted.length > 0) {
      const key = keyOfChain(x5c, trusted, now);
      return key ? [key] : [];
    }
    const named = keys?.value.get(kid);
    if (named) return [named];
    const current = trusted.filter((certificate) => isCurrent(certificate, now)).map(({ publicKey }) => publicKey);
    return kid === "" ? [...(keys?.value.values() ?? []), ...current] : current;
  }
}

/** The first certificate's key when each certificate is signed by the next and the last by one that is trusted; else null. */
function keyOfChain(x5c: readonly string[], trusted: readonly X509Certificate[], now: number): KeyObject | null {
  try {
    const chain = x5c.map((text) => new X509Certificate(Buffer.from(text, "base64")));
    const isRooted = chain.every((certificate, at) => {
      const next = chain[at + 1];
      const issuers = next ? [next] : trusted;
      const isTrusted = !next && trusted.some(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256);
      const isIssued = issuers.some(
        (issuer) =>
          issuer.ca &&
          isCurrent(issuer, now) &&
          certificate.checkIssued(issuer) &&
          certificate.verify(issuer.publicKey),
      );
      return isCurrent(certificate, now) && (isTrusted || isIssued);
    });
    return isRooted ? (chain[0]?.publicKey ?? null) : null;
  } catch {
    return null;
  }
}

const isCurrent = ({ validFrom, validTo }: X509Certificate, now: number): boolean =>
  Date.parse(validFrom) <= now && now < Date.parse(validTo);

function isSigned(alg: string, key: KeyObject, signed: Buffer, signature: Buffer): boolean {
  const algorithm = Object.hasOwn(algorithms, alg) ? algorithms[alg] : undefined;
  if (!algorithm || key.asymmetricKeyType !== algorithm.type) return false;
  if (algorithm.curve !== undefined && key.asymmetricKeyDetails?.namedCurve !== algorithm.curve) return false;
  try {
    return verify(algorithm.hash, signed, { key, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false;
  }
}

function keysIn(text: string): ReadonlyMap<string, KeyObject> {
  const { keys } = v.parse(v.object({ keys: v.array(v.record(v.string(), v.unknown())) }), JSON.parse(text));
  const usable = keys.filter(({ kty }) => kty === "RSA" || kty === "EC" || kty === "OKP");
  if (usable.length === 0) throw new Error("holds no public key");
  return new Map(
    usable.map(({ kid, ...key }, at) => [
      typeof kid === "string" ? kid : `#${at}`,
      createPublicKey({ key, format: "jwk" }),
    ]),
  );
}

function certificatesIn(text: string): readonly X509Certificate[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw new Error("holds no certificate");
  return found.map((pem) => new X509Certificate(pem));
}

function decoded(text: string): unknown {
  try {
    return parseJson(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return null;
  }
}
