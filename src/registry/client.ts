/**
 * The distribution API, as far as a pull needs it. Redirects are followed by hand so that credentials never leave the
 * host they are for; a body's digest, never a header, decides what it is.
 */
import type { AuthConfig } from "../api/system.ts";
import { type Digest, digestOf } from "../lib/digest.ts";
import {
  canceled,
  type DhowError,
  dataLoss,
  forbidden,
  isKind,
  messageOf,
  notFound,
  systemError,
  unauthorized,
  unavailable,
} from "../lib/errors.ts";
import { parseJson } from "../lib/json.ts";
import { pause } from "../lib/pause.ts";
import { Authorizer, credentialsFor } from "./auth.ts";
import { bounded } from "./bounded.ts";
import { isInsecureHost } from "./insecure.ts";
import { mayLeadTo } from "./targets.ts";

/** One registry and how it may be spoken to. */
export interface RegistryOptions {
  /** Host and port as in a reference: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  readonly insecure: readonly string[];
  readonly auth: AuthConfig | undefined;
  /** Base URL of a mirror that stands for the registry. */
  readonly mirror?: string;
  /** Keeps connections for the next request: for a helper with many blobs, not for the daemon, where they would idle on. */
  readonly keepAlive?: boolean;
}

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

const maxRedirects = 5;
const maxTagPages = 100;
const maxTagPageSize = 4 * 1024 * 1024;
const maxTags = 10_000;
const maxAttempts = 5;
const maxWaitMs = 30_000;

export class RegistryClient {
  readonly #bases: URL[];
  readonly #auth: Authorizer;
  readonly #skipVerify: boolean;
  readonly #insecure: readonly string[];
  readonly #keepAlive: boolean;
  #base: URL | null = null;

  constructor(options: RegistryOptions) {
    this.#keepAlive = options.keepAlive ?? false;
    const { domain, insecure } = options;
    const mirror = options.mirror ? new URL(options.mirror) : null;
    const host = mirror?.host ?? (domain === "docker.io" ? "registry-1.docker.io" : domain);
    this.#insecure = insecure;
    this.#skipVerify = isInsecureHost(host, insecure);
    const secure = mirror ?? new URL(`https://${host}`);
    this.#bases = this.#skipVerify && !mirror ? [secure, new URL(`http://${host}`)] : [secure];
    const credentials = mirror ? undefined : credentialsFor(domain, options.auth);
    this.#auth = new Authorizer(credentials, this.#skipVerify, insecure);
  }

  /** Shows the credentials to the registry; throws `unauthorized` when it refuses them. */
  async login(signal: AbortSignal): Promise<void> {
    const response = await this.#get("", "", {}, signal).catch((error) => {
      if (!isKind(error, "notFound")) throw error;
      throw unauthorized(`login attempt to ${this.#bases[0]?.origin}/v2/ failed with status: 401 Unauthorized`);
    });
    await response.body?.cancel();
  }

  /** A manifest or index by tag or digest; bytes that do not hash to the digest asked for are `dataLoss`. */
  async manifest(
    path: string,
    reference: string,
    limit: number,
    signal: AbortSignal,
  ): Promise<{ bytes: Buffer; mediaType: string; digest: Digest }> {
    const response = await this.#get(path, `manifests/${reference}`, { accept: manifestTypes }, signal);
    const bytes = await bounded(response, limit);
    const digest = digestOf(bytes);
    if (reference.includes(":") && reference !== digest) {
      throw dataLoss(`manifest verification failed for digest ${reference}`);
    }
    return { bytes, mediaType: response.headers.get("content-type") ?? "", digest };
  }

  /** All tags of a repository. Pages are asked for where `Link` says; their number and the tags' are bounded. */
  async tags(path: string, signal: AbortSignal): Promise<string[]> {
    const tags = new Set<string>();
    let query = "?n=1000";
    for (const asked = new Set<string>(); query !== ""; ) {
      if (asked.has(query) || asked.size >= maxTagPages)
        throw dataLoss(`registry lists the tags of ${path} without end`);
      asked.add(query);
      const response = await this.#get(path, `tags/list${query}`, {}, signal);
      const page = parseJson((await bounded(response, maxTagPageSize)).toString("utf8")) as { tags?: unknown } | null;
      if (Array.isArray(page?.tags)) for (const tag of page.tags) if (typeof tag === "string") tags.add(tag);
      if (tags.size > maxTags) throw dataLoss(`repository ${path} has more than ${maxTags} tags`);
      // Only the query is followed: the list stays where it is.
      const next = /<[^>?]*(\?[^>]*)>\s*;\s*rel="?next"?/i.exec(response.headers.get("link") ?? "");
      query = next?.[1] ?? "";
    }
    return [...tags];
  }

  /** A blob's bytes from `offset` on. `from` is where they really begin: a registry without ranges starts at 0. */
  async blob(
    path: string,
    digest: Digest,
    offset: number,
    signal: AbortSignal,
  ): Promise<{ from: number; body: AsyncIterable<Uint8Array> }> {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const response = await this.#get(path, `blobs/${digest}`, headers, signal);
    let from = 0;
    if (response.status === 206) {
      from = Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? Number.NaN);
      if (from !== offset) {
        await response.body?.cancel();
        throw unavailable(`registry answered another range than bytes=${offset}-`);
      }
    }
    if (!response.body) throw unavailable("registry answered without a body");
    return { from, body: response.body as AsyncIterable<Uint8Array> };
  }

  async #get(path: string, rest: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    if (this.#base) {
      return this.#attempts(endpoint(this.#base, path, rest), path, headers, signal).catch((error) => {
        throw error instanceof ConnectError ? unavailable(describe(error.cause), { cause: error.cause }) : error;
      });
    }
    let failure: unknown = null;
    for (const base of this.#bases) {
      try {
        const response = await this.#attempts(endpoint(base, path, rest), path, headers, signal);
        this.#base = base;
        return response;
      } catch (error) {
        // Only a registry that is insecure by configuration is tried over HTTP, and only when HTTPS found nobody.
        if (!(error instanceof ConnectError)) throw error;
        failure ??= error.cause;
        if (base.protocol === "http:") failure = error.cause;
      }
    }
    throw systemError(`Get "${this.#bases.at(-1)?.origin}/v2/": ${describe(failure)}`, { cause: failure });
  }

  async #attempts(url: URL, path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    let refreshed = false;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const { response, origin } = await this.#follow(url, headers, signal);
      if (response.ok) return response;
      const body = (await bounded(response, 64 * 1024).catch(() => Buffer.alloc(0))).toString("utf8");
      if (response.status === 401 && origin !== url.origin) {
        throw systemError(`received unexpected HTTP status: 401 from ${origin}, where the registry redirected to`);
      }
      if (response.status === 401 && !refreshed) {
        refreshed = true;
        await this.#auth.challenge(url, response.headers.get("www-authenticate") ?? "", path, signal);
        continue;
      }
      const isTransient = response.status === 429 || (response.status >= 500 && response.status !== 501);
      if (!isTransient || attempt >= maxAttempts) throw failureOf(response.status, body, path);
      await pause(waitFor(response, attempt), signal);
      signal.throwIfAborted();
    }
  }

  /** Answers with the origin that the answer came from in the end. */
  async #follow(
    url: URL,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<{ response: Response; origin: string }> {
    let at = url;
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const sameOrigin = at.origin === url.origin;
      const authorization = sameOrigin ? this.#auth.header() : undefined;
      let response: Response;
      try {
        response = await fetch(at, {
          headers: { ...headers, "user-agent": "dhow", ...(authorization ? { authorization } : {}) },
          redirect: "manual",
          decompress: false,
          keepalive: this.#keepAlive,
          signal,
          tls: { rejectUnauthorized: !this.#skipVerify },
        });
      } catch (error) {
        if (signal.aborted) throw canceled("context canceled", { cause: error });
        if (hop === 0) throw new ConnectError(error);
        throw unavailable(`Get "${at.origin}": ${messageOf(error)}`, { cause: error });
      }
      if (![301, 302, 303, 307, 308].includes(response.status)) return { response, origin: at.origin };
      await response.body?.cancel();
      const location = response.headers.get("location");
      const next = location ? URL.parse(location, at.href) : null;
      if (next?.protocol !== "https:" && next?.protocol !== "http:")
        throw unavailable("registry redirected to no web address");
      if (!mayLeadTo(url, next, this.#insecure))
        throw unavailable("registry redirected to an address inside this host");
      if (at.protocol === "https:" && next.protocol === "http:")
        throw unavailable("registry redirected from https to http");
      at = next;
    }
    throw unavailable(`stopped after ${maxRedirects} redirects`);
  }
}

const endpoint = (base: URL, path: string, rest: string): URL =>
  new URL(path === "" ? "/v2/" : `/v2/${path}/${rest}`, base);

/** Nobody answered at all. */
class ConnectError extends Error {
  override readonly name = "ConnectError";
  constructor(override readonly cause: unknown) {
    super(messageOf(cause));
  }
}

function describe(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === "ConnectionRefused" || code === "ECONNREFUSED") return "connect: connection refused";
  return messageOf(error);
}

function waitFor(response: Response, attempt: number): number {
  const after = Number(response.headers.get("retry-after"));
  const base = Number.isFinite(after) && after > 0 ? after * 1000 : 250 * 2 ** attempt;
  return Math.min(base * (1 + Math.random() / 4), maxWaitMs);
}

function failureOf(status: number, body: string, path: string): DhowError {
  let detail = "";
  try {
    const first = (JSON.parse(body) as { errors?: { code?: unknown; message?: unknown }[] }).errors?.[0];
    if (typeof first?.message === "string") detail = String(first.message).slice(0, 500);
  } catch {
    detail = "";
  }
  const denied = `pull access denied for ${path}, repository does not exist or may require 'docker login'`;
  if (status === 401) return notFound(`${denied}: ${detail || "unauthorized: authentication required"}`);
  if (status === 403) return forbidden(`${denied}: denied: ${detail || "requested access to the resource is denied"}`);
  if (status === 404) return notFound(detail || "not found");
  if (status === 429) return systemError(`toomanyrequests: ${detail || "too many requests"}`);
  return systemError(`received unexpected HTTP status: ${status}${detail ? `: ${detail}` : ""}`);
}
