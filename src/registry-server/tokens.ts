/**
 * Bearer tokens of the registry's own making (RFC 7519, HS256 with a key of this registry; Docker's token authentication). A token
 * says for a short time what its user may do; what the user may no longer do, it says at most that long.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import * as v from "valibot";
import { parseJson } from "../lib/json.ts";

/** Seconds that a token is good for. */
export const tokenSeconds = 300;

const Claims = v.object({
  iss: v.string(),
  aud: v.string(),
  sub: v.string(),
  exp: v.number(),
  nbf: v.number(),
  access: v.array(v.object({ type: v.literal("repository"), name: v.string(), actions: v.array(v.string()) })),
});
export type Claims = v.InferOutput<typeof Claims>;
export type TokenAccess = Claims["access"];

const issuer = "dhow registry";
const header = encode({ alg: "HS256", typ: "JWT" });

export class Tokens {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  issue(user: string, service: string, access: TokenAccess, now = Date.now()): string {
    const at = Math.floor(now / 1000);
    const claims: Claims = { iss: issuer, aud: service, sub: user, nbf: at, exp: at + tokenSeconds, access };
    const signed = `${header}.${encode(claims)}`;
    return `${signed}.${this.#sign(signed)}`;
  }

  /** The claims of a token of ours for that service, now; null for every other text. */
  verify(token: string, service: string, now = Date.now()): Claims | null {
    const [head = "", body = "", signature = "", ...more] = token.split(".");
    // One kind of header alone: what a token says of its own algorithm or key is not asked (RFC 8725, 3.1).
    if (more.length > 0 || head !== header) return null;
    const wanted = Buffer.from(this.#sign(`${head}.${body}`));
    const got = Buffer.from(signature);
    if (got.length !== wanted.length || !timingSafeEqual(got, wanted)) return null;
    const claims = v.safeParse(Claims, decode(body));
    if (!claims.success) return null;
    const { iss, aud, nbf, exp } = claims.output;
    const at = now / 1000;
    return iss === issuer && aud === service && nbf <= at + 1 && at < exp ? claims.output : null;
  }

  #sign(text: string): string {
    return createHmac("sha256", this.#key).update(text).digest("base64url");
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(text: string): unknown {
  try {
    return parseJson(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return null;
  }
}
