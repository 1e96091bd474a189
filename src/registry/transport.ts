/**
 * Requests to one registry: which of its addresses answers, credentials, redirects, patience. Redirects are followed by hand so
 * that credentials never leave the host they are for.
 */
import { isIP } from "node:net";
import type { AuthConfig } from "../api/system.ts";
import { canceled, isKind, messageOf, systemError, unavailable } from "../lib/errors.ts";
import { pause } from "../lib/pause.ts";
import { Authorizer, credentialsFor, type Scope } from "./auth.ts";
import { RegistryAway } from "./away.ts";
import { bounded } from "./bounded.ts";
import { type HostTls, hostTls } from "./host-certificates.ts";
import { isInsecureHost } from "./insecure.ts";
import { CredentialsRenewed, codeOf, RegistryUnreachable, refusalOf } from "./refusal.ts";
import { waitMs } from "./retry-after.ts";
import { mayLeadTo } from "./targets.ts";
import { type WarningSink, warnOnce } from "./warnings.ts";

/** One registry and how it may be spoken to. */
export interface RegistryOptions {
  /** Host and port as in a reference: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  readonly insecure: readonly string[];
  readonly auth: AuthConfig | undefined;
  /** Base URL of a mirror that stands for the registry; the credentials are for one at the registry's own host alone. */
  readonly mirror?: string;
  /** How often a request is sent to a registry that answers 429 or 5xx; 5 unless told. */
  readonly attempts?: number;
  /** Never over HTTP, which loopback and the insecure registries are otherwise tried over where nothing answers HTTPS. */
  readonly httpsOnly?: boolean;
  /** Keeps connections for the next request: for a helper with many blobs, not for the daemon, where they would idle on. */
  readonly keepAlive?: boolean;
  /** Hears what the registry warns of, each text once. */
  readonly onWarning?: WarningSink;
}

const maxRedirects = 5;
const defaultAttempts = 5;

/** One request. */
export interface RegistryRequest {
  readonly method?: "GET" | "HEAD" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Behind `/v2/`, or where the registry sent us: an upload. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes the body, anew for each time that it is sent. */
  readonly body?: () => Uint8Array | ReadableStream<Uint8Array>;
  /** What a token must allow. */
  readonly scopes: readonly Scope[];
  /**
   * When it may be sent again: after whatever passes (`freely`, unless told), only where credentials were asked for before anything was done
   * (`unheard`), or `never`, because its body is gone then; {@link CredentialsRenewed} is thrown instead.
   */
  readonly repeats?: "freely" | "unheard" | "never";
}

export class RegistryTransport {
  readonly #domain: string;
  readonly #bases: URL[];
  readonly #auth: Authorizer;
  readonly #skipVerify: boolean;
  readonly #tls: HostTls;
  readonly #insecure: readonly string[];
  readonly #keepAlive: boolean;
  readonly #maxAttempts: number;
  readonly #warn: (header: string | null) => void;
  #base: URL | null = null;

  constructor(options: RegistryOptions) {
    this.#keepAlive = options.keepAlive ?? false;
    this.#maxAttempts = options.attempts ?? defaultAttempts;
    this.#warn = warnOnce(options.onWarning ?? (() => {}));
    const { domain, insecure } = options;
    this.#domain = domain;
    const mirror = options.mirror ? new URL(options.mirror) : null;
    const host = mirror?.host ?? (domain === "docker.io" ? "registry-1.docker.io" : domain);
    this.#insecure = insecure;
    this.#skipVerify = isInsecureHost(host, insecure);
    this.#tls = hostTls(mirror?.host ?? domain);
    const secure = mirror ?? new URL(`https://${host}`);
    const overHttp = this.#skipVerify && !mirror && !options.httpsOnly;
    this.#bases = overHttp ? [secure, new URL(`http://${host}`)] : [secure];
    const credentials = mirror && mirror.host !== domain ? undefined : credentialsFor(domain, options.auth);
    this.#auth = new Authorizer(credentials, this.#skipVerify, insecure);
  }

  /** The address that has answered, else the first that would be asked. */
  get origin(): string {
    return (this.#base ?? this.#bases[0])?.origin ?? "";
  }

  /** Answers 2xx; every other status is thrown as the error it means. */
  async send(request: RegistryRequest, signal: AbortSignal): Promise<Response> {
    const { target } = request;
    if (typeof target !== "string") return this.#reached(target, request, signal);
    if (this.#base) return this.#reached(new URL(`/v2/${target}`, this.#base), request, signal);
    let unreachable: RegistryUnreachable | null = null;
    for (const base of this.#bases) {
      try {
        const response = await this.#attempts(new URL(`/v2/${target}`, base), request, signal);
        this.#base = base;
        return response;
      } catch (error) {
        // Only a registry that is insecure by configuration is tried over HTTP, and only when HTTPS found nobody.
        if (!(error instanceof ConnectError)) {
          if (!isKind(error, "canceled")) this.#base = base;
          throw error;
        }
        const why = describe(error.cause, base);
        unreachable = new RegistryUnreachable(`Get "${base.origin}/v2/": ${why}`, error.cause);
      }
    }
    throw unreachable;
  }

  /** At a registry that has answered before. */
  #reached(url: URL, request: RegistryRequest, signal: AbortSignal): Promise<Response> {
    return this.#attempts(url, request, signal).catch((error) => {
      throw error instanceof ConnectError
        ? new RegistryAway("unavailable", describe(error.cause, url), { cause: error.cause })
        : error;
    });
  }

  async #attempts(url: URL, request: RegistryRequest, signal: AbortSignal): Promise<Response> {
    const { repeats = "freely" } = request;
    await this.#auth.keepFresh(signal);
    let refreshed = false;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const { response, origin } = await this.#follow(url, request, signal);
      if (origin === url.origin) this.#warn(response.headers.get("warning"));
      if (response.ok) return response;
      const body = (await bounded(response, 64 * 1024).catch(() => Buffer.alloc(0))).toString("utf8");
      if (response.status === 401 && (origin !== url.origin || !this.#isHome(url))) {
        throw systemError(`received unexpected HTTP status: 401 from ${origin}, where the registry redirected to`);
      }
      if (response.status === 401 && !refreshed) {
        refreshed = true;
        await this.#auth.challenge(url, response.headers.get("www-authenticate") ?? "", request.scopes, signal);
        if (repeats === "never") throw new CredentialsRenewed();
        continue;
      }
      const isTransient = response.status === 429 || (response.status >= 500 && response.status !== 501);
      if (!isTransient || repeats !== "freely" || attempt >= this.#maxAttempts)
        throw refusalOf(response.status, body, this.#domain, request.scopes[0]);
      await pause(waitMs(response.headers.get("retry-after"), attempt), signal);
      signal.throwIfAborted();
    }
  }

  /** Answers with the origin that the answer came from in the end. */
  async #follow(
    url: URL,
    { method = "GET", headers, body }: RegistryRequest,
    signal: AbortSignal,
  ): Promise<{ response: Response; origin: string }> {
    let at = url;
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const authorization = this.#isHome(at) ? this.#auth.header() : undefined;
      let response: Response;
      try {
        response = await fetch(at, {
          method,
          headers: { ...headers, "user-agent": "dhow", ...(authorization ? { authorization } : {}) },
          ...(body ? { body: body() } : {}),
          redirect: "manual",
          decompress: false,
          keepalive: this.#keepAlive,
          signal,
          // The registry's own certificates are for the registry alone.
          tls: { rejectUnauthorized: !this.#skipVerify, ...(this.#isHome(at) ? this.#tls : {}) },
        });
      } catch (error) {
        if (signal.aborted) throw canceled("context canceled", { cause: error });
        if (hop === 0) throw new ConnectError(error);
        throw new RegistryAway("unavailable", `Get "${at.origin}": ${messageOf(error)}`, { cause: error });
      }
      if (![301, 302, 303, 307, 308].includes(response.status)) return { response, origin: at.origin };
      await response.body?.cancel();
      if (body && response.status < 307) throw unavailable(`registry redirected a ${method} without its body`);
      const location = response.headers.get("location");
      const next = this.leadsTo(location, at);
      if (at.protocol === "https:" && next.protocol === "http:")
        throw unavailable("registry redirected from https to http");
      at = next;
    }
    throw unavailable(`stopped after ${maxRedirects} redirects`);
  }

  /** True for the registry's own address: an upload may go on at another one, which has no claim on the registry's credentials. */
  #isHome({ origin }: URL): boolean {
    return this.#base ? origin === this.#base.origin : this.#bases.some((base) => base.origin === origin);
  }

  /** Where a `Location` in an answer from `at` leads; throws `unavailable` for a place that a registry may not lead to. */
  leadsTo(location: string | null, at: URL): URL {
    const next = location ? URL.parse(location, at.href) : null;
    if (next?.protocol !== "https:" && next?.protocol !== "http:")
      throw unavailable("registry redirected to no web address");
    if (!mayLeadTo(this.#base ?? at, next, this.#insecure))
      throw unavailable("registry redirected to an address inside this host");
    return next;
  }
}

/** Nobody answered at all. */
class ConnectError extends Error {
  override readonly name = "ConnectError";
  constructor(override readonly cause: unknown) {
    super(messageOf(cause));
  }
}

/** Why nobody answers at `url`, in Go's words where it has some. */
export function describe(error: unknown, url: URL): string {
  const code = String(codeOf(error));
  const { hostname, protocol } = url;
  if (/^(?:ENOTFOUND|EAI_|DNS_)/.test(code)) return `dial tcp: lookup ${hostname}: no such host`;
  if (code !== "ConnectionRefused" && code !== "ECONNREFUSED") return messageOf(error);
  const port = url.port || (protocol === "https:" ? "443" : "80");
  // Nobody says which of a name's addresses it was.
  const isAddress = isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
  return `${isAddress ? `dial tcp ${hostname}:${port}: ` : ""}connect: connection refused`;
}
