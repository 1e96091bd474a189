/** Credentials for one registry: basic, or a bearer token fetched from the realm that the registry names. */
import { isIP } from "node:net";
import type { AuthConfig } from "../api/system.ts";
import { messageOf, systemError, unauthorized } from "../lib/errors.ts";
import { RegistryAway } from "./away.ts";
import { bounded } from "./bounded.ts";
import { mayLeadTo } from "./targets.ts";

/** Most bytes of a token server's answer. */
const tokenLimit = 1 << 20;
/** How long a token is good of which nobody says it (Docker's token authentication). */
const defaultSeconds = 60;
/** How long before its end a token is renewed; a quarter of its time where that is less. */
const renewalMs = 10_000;

/** Docker Hub's names: one registry. */
const hubHosts = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/** The credentials if they are for exactly the registry `domain`, or say no address at all; otherwise none. */
export function credentialsFor(domain: string, auth: AuthConfig | undefined): AuthConfig | undefined {
  if (!auth?.serveraddress) return auth;
  const host = hostOf(auth.serveraddress);
  const same = host === domain.toLowerCase() || (hubHosts.includes(host) && hubHosts.includes(domain));
  return same ? auth : undefined;
}

/** Host and port of an address with or without a scheme; what cannot be one is no host at all. */
export function hostOf(address: string): string {
  try {
    const url = new URL(/^https?:\/\//i.test(address) ? address : `https://${address}`);
    return url.username === "" && url.password === "" ? url.host.toLowerCase() : "";
  } catch {
    return "";
  }
}

/**
 * Whether the token server a registry names may be shown the registry's credentials: the same host, or one of the same
 * organisation's domain, as `auth.docker.io` is for `registry-1.docker.io`. Others are asked for an anonymous token.
 */
export function mayHaveCredentials(registry: URL, realm: URL): boolean {
  if (registry.hostname === realm.hostname) return true;
  if (isIP(registry.hostname.replace(/^\[|\]$/g, "")) !== 0) return false;
  return organisation(registry.hostname) !== "" && organisation(registry.hostname) === organisation(realm.hostname);
}

/** The last two labels of a host name; three below country domains that sell third-level names (`co.uk`). */
function organisation(host: string): string {
  const labels = host.toLowerCase().split(".");
  const [second = "", top = ""] = labels.slice(-2);
  const count = top.length === 2 && second.length <= 3 ? 3 : 2;
  return labels.length < count ? "" : labels.slice(-count).join(".");
}

/** What a token lets its bearer do with one repository. */
export interface Scope {
  readonly path: string;
  readonly actions: "pull" | "pull,push";
}

/** Holds what one pull or push proved; never shared between users, so that nobody pulls with another's token. */
export class Authorizer {
  readonly #auth: AuthConfig | undefined;
  readonly #skipVerify: boolean;
  readonly #insecure: readonly string[];
  #basic = false;
  #token: string | null;
  /** Where the token is from, and until when it is good (on {@link performance.now}'s clock); null for one that the user brought. */
  #source: { readonly realm: URL; readonly trusted: boolean; readonly until: number } | null = null;

  constructor(auth: AuthConfig | undefined, skipVerify: boolean, insecure: readonly string[]) {
    this.#auth = auth;
    this.#skipVerify = skipVerify;
    this.#insecure = insecure;
    this.#token = auth?.registrytoken || null;
  }

  /** The Authorization header for a request to the registry itself. */
  header(): string | undefined {
    if (this.#token) return `Bearer ${this.#token}`;
    return this.#basic ? this.#basicHeader() : undefined;
  }

  /** Fetches a token anew that is about to run out, so that no long body is sent in vain. Whoever cannot give one now is asked at the next 401. */
  async keepFresh(signal: AbortSignal): Promise<void> {
    if (!this.#source || performance.now() < this.#source.until) return;
    const { realm, trusted } = this.#source;
    this.#source = null;
    try {
      await this.#renew(realm, trusted, signal);
    } catch (error) {
      if (!(error instanceof RegistryAway)) throw error;
    }
  }

  #basicHeader(): string | undefined {
    const { username, password } = this.#auth ?? {};
    return username ? `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` : undefined;
  }

  /**
   * Answers a 401; afterwards {@link header} gives what was asked for. Throws when there is nothing to give. No scope is
   * a login: its credentials must be seen by somebody, or any password would do.
   */
  async challenge(url: URL, header: string, scopes: readonly Scope[], signal: AbortSignal): Promise<void> {
    const [, scheme = "", rest = ""] = /^\s*(\w+)\s*([\s\S]*)$/.exec(header) ?? [];
    if (scheme.toLowerCase() === "basic") {
      if (!this.#basicHeader()) throw systemError(`Head "${url.href}": no basic auth credentials`);
      this.#basic = true;
      return;
    }
    if (scheme.toLowerCase() !== "bearer") throw unauthorized("unauthorized: authentication required");
    const fields = new Map(
      [...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key.toLowerCase(), value]),
    );
    const named = fields.get("realm");
    const realm = named ? URL.parse(named, url.href) : null;
    if (realm?.protocol !== "https:" && realm?.protocol !== "http:") {
      throw unauthorized("registry names no token server");
    }
    if (url.protocol === "https:" && realm.protocol !== "https:") {
      throw unauthorized("registry names a token server without TLS");
    }
    if (!mayLeadTo(url, realm, this.#insecure)) throw unauthorized("registry names a token server inside this host");
    const trusted = mayHaveCredentials(url, realm);
    if (scopes.length === 0 && !trusted) {
      throw unauthorized(
        `credentials are not shown to ${realm.origin}, which is of another organisation than ${url.host}`,
      );
    }
    realm.searchParams.set("service", fields.get("service") ?? "");
    for (const { path, actions } of scopes) realm.searchParams.append("scope", `repository:${path}:${actions}`);
    await this.#renew(realm, trusted, signal);
  }

  async #renew(realm: URL, trusted: boolean, signal: AbortSignal): Promise<void> {
    const asked = performance.now();
    const { token, seconds } = await this.#fetchToken(realm, trusted, signal);
    this.#token = token;
    this.#source = { realm, trusted, until: asked + seconds * 1000 - Math.min(seconds * 250, renewalMs) };
  }

  async #fetchToken(realm: URL, trusted: boolean, signal: AbortSignal): Promise<{ token: string; seconds: number }> {
    const identity = trusted ? this.#auth?.identitytoken : undefined;
    const basic = trusted ? this.#basicHeader() : undefined;
    const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: identity ?? "", client_id: "dhow" });
    form.set("service", realm.searchParams.get("service") ?? "");
    // One field in a form: scopes are parted by spaces there (token authentication specification).
    form.set("scope", realm.searchParams.getAll("scope").join(" "));
    const tls = { rejectUnauthorized: !this.#skipVerify };
    try {
      const response = identity
        ? await fetch(realm.origin + realm.pathname, { method: "POST", body: form, redirect: "error", signal, tls })
        : await fetch(realm, { headers: basic ? { authorization: basic } : {}, redirect: "error", signal, tls });
      if (response.status === 401) throw unauthorized("unauthorized: incorrect username or password");
      const { status } = response;
      if (status === 429 || status >= 500) throw new RegistryAway("system", `token server answered ${status}`);
      if (!response.ok) throw systemError(`token server answered ${status}`);
      const text = (await bounded(response, tokenLimit)).toString("utf8");
      const answer = JSON.parse(text) as { token?: unknown; access_token?: unknown; expires_in?: unknown };
      const token = answer.token ?? answer.access_token;
      if (typeof token !== "string" || token === "")
        throw systemError("authorization server did not include a token in the response");
      const { expires_in: seconds } = answer;
      return { token, seconds: typeof seconds === "number" && seconds > 0 ? seconds : defaultSeconds };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Error && "kind" in error) throw error;
      throw new RegistryAway("system", `cannot fetch a token from ${realm.origin}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}
