/** Who somebody is, by basic credentials or a token, of ours or of a token server elsewhere, and what that lets them do. */

import { Failure } from "./failure.ts";
import { type Action, allActions, type Rights } from "./rights.ts";
import type { TokenAuthority } from "./token-authority.ts";
import type { TokenAccess, Tokens } from "./tokens.ts";
import { tokenSeconds } from "./tokens.ts";
import type { Users } from "./users.ts";

/** Somebody who asks. */
export interface Identity {
  /** "" for nobody by name. */
  readonly user: string;
  may(repository: string, action: Action): boolean;
  /** Whether the catalog shows them a repository; null for somebody who may not see the catalog. */
  readonly lists: ((repository: string) => boolean) | null;
}

export interface AccessOptions {
  /** Null lets everybody do everything. */
  readonly users: Users | null;
  /** Null lets every user do everything. */
  readonly rights: Rights | null;
  /** Null asks for basic credentials alone. */
  readonly tokens: Tokens | null;
  /** The token server that says who may do what, where that is not this registry's own business. */
  readonly authority: TokenAuthority | null;
}

/** What our tokens are for; their key is this registry's alone. */
const service = "dhow-registry";
const maxScopes = 100;

/** What clients ask for that stands for more than one action. */
const meanings: Readonly<Record<string, readonly Action[]>> = { push: ["push", "create"], "*": allActions };

const meaningOf = (asked: string): readonly Action[] =>
  Object.hasOwn(meanings, asked) ? (meanings[asked] ?? []) : [asked as Action];

export class Access {
  readonly #options: AccessOptions;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** True where some things are for those with a name only. */
  get names(): boolean {
    return this.#options.users !== null || this.#options.authority !== null;
  }

  /** Throws `UNAUTHORIZED` for credentials that are wrong. */
  async identify(request: Request, url: URL): Promise<Identity> {
    const authorization = request.headers.get("authorization");
    const { users, tokens, authority } = this.#options;
    const [, bearer] = /^bearer\s+(\S+)$/i.exec(authorization?.trim() ?? "") ?? [];
    if (authority) return this.#granted(authority, authorization, bearer);
    if (!users) return { user: "", may: () => true, lists: () => true };
    if (authorization === null) return this.#of("");
    if (bearer !== undefined) {
      const claims = tokens?.verify(bearer, service);
      if (!claims || (claims.sub !== "" && !users.has(claims.sub))) throw this.refusal(url, "");
      const now = this.#of(claims.sub);
      const has = (repository: string, action: Action): boolean =>
        claims.access.some(({ name, actions }) => name === repository && actions.includes(action));
      const may: Identity["may"] = (repository, action) => has(repository, action) && now.may(repository, action);
      return { user: claims.sub, may, lists: (repository) => may(repository, "pull") };
    }
    const user = await users.userOf(authorization);
    if (user === null) throw this.refusal(url, "");
    return this.#of(user);
  }

  /** What a token server elsewhere has granted; without a token nothing. */
  #granted(authority: TokenAuthority, authorization: string | null, bearer: string | undefined): Identity {
    const granted = bearer === undefined ? null : authority.verify(bearer);
    if (!granted && authorization !== null) throw this.#challenged(authority.challenge(""));
    const { subject = "", access = [] } = granted ?? {};
    const sees = access.some(
      ({ type, name, actions }) => type === "registry" && name === "catalog" && actions.includes("*"),
    );
    const may: Identity["may"] = (repository, action) =>
      access.some(
        ({ type, name, actions }) =>
          type === "repository" && name === repository && actions.some((one) => meaningOf(one).includes(action)),
      );
    return { user: subject, may, lists: sees ? () => true : null };
  }

  /** The 401 that tells how to ask again; `scope` ("repository:NAME:ACTIONS") is what a token has to allow, "" nothing in particular. */
  refusal(url: URL, scope: string): Failure {
    const { users, tokens, authority } = this.#options;
    if (authority) return this.#challenged(authority.challenge(scope));
    if (!users) return new Failure("UNAUTHORIZED");
    const basic = 'Basic realm="dhow registry", charset="UTF-8"';
    const bearer = `Bearer realm="${url.origin}/token",service="${service}"${scope === "" ? "" : `,scope="${scope}"`}`;
    return this.#challenged(tokens ? bearer : basic);
  }

  #challenged(challenge: string): Failure {
    return new Failure("UNAUTHORIZED", null, { "www-authenticate": challenge });
  }

  /** The token endpoint (Docker's token authentication): as much of what is asked for as the user may do. */
  async token(request: Request, url: URL): Promise<Response> {
    const { tokens } = this.#options;
    if (!tokens || request.method !== "GET") throw new Failure("UNSUPPORTED");
    const basic = /^basic /i.test(request.headers.get("authorization") ?? "");
    const identity = basic ? await this.identify(request, url) : this.#of("");
    const access = url.searchParams
      .getAll("scope")
      .flatMap((text) => text.split(" "))
      .slice(0, maxScopes)
      .flatMap((text): TokenAccess => {
        const [, name = "", actions = ""] = /^repository:([^:]+):([\w,*]+)$/.exec(text) ?? [];
        const asked = new Set(actions.split(",").flatMap(meaningOf));
        const granted = [...asked].filter((one) => identity.may(name, one));
        return granted.length > 0 ? [{ type: "repository", name, actions: granted }] : [];
      });
    const token = tokens.issue(identity.user, service, access);
    const times = { expires_in: tokenSeconds, issued_at: new Date().toISOString() };
    return Response.json({ token, access_token: token, ...times }, { headers: { "cache-control": "no-store" } });
  }

  #of(user: string): Identity {
    const { rights } = this.#options;
    const may: Identity["may"] = (name, action) => (rights ? rights.of(user, name).has(action) : user !== "");
    return { user, may, lists: (name) => may(name, "pull") };
  }
}
