/** Who somebody is, by basic credentials or a token of ours, and what that lets them do. */

import { Failure } from "./failure.ts";
import { type Action, allActions, type Rights } from "./rights.ts";
import type { TokenAccess, Tokens } from "./tokens.ts";
import { tokenSeconds } from "./tokens.ts";
import type { Users } from "./users.ts";

/** Somebody who asks. */
export interface Identity {
  /** "" for nobody by name. */
  readonly user: string;
  may(repository: string, action: Action): boolean;
}

export interface AccessOptions {
  /** Null lets everybody do everything. */
  readonly users: Users | null;
  /** Null lets every user do everything. */
  readonly rights: Rights | null;
  /** Null asks for basic credentials alone. */
  readonly tokens: Tokens | null;
}

/** What our tokens are for; their key is this registry's alone. */
const service = "dhow-registry";
const maxScopes = 100;

/** What clients ask for that stands for more than one action. */
const meanings: Readonly<Record<string, readonly Action[]>> = { push: ["push", "create"], "*": allActions };

export class Access {
  readonly #options: AccessOptions;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** True where some things are for those with a name only. */
  get names(): boolean {
    return this.#options.users !== null;
  }

  /** Throws `UNAUTHORIZED` for credentials that are wrong. */
  async identify(request: Request, url: URL): Promise<Identity> {
    const authorization = request.headers.get("authorization");
    const { users, tokens } = this.#options;
    if (!users) return { user: "", may: () => true };
    if (authorization === null) return this.#of("");
    const [, bearer] = /^bearer\s+(\S+)$/i.exec(authorization.trim()) ?? [];
    if (bearer !== undefined) {
      const claims = tokens?.verify(bearer, service);
      if (!claims || (claims.sub !== "" && !users.has(claims.sub))) throw this.refusal(url, null);
      const now = this.#of(claims.sub);
      const has = (repository: string, action: Action): boolean =>
        claims.access.some(({ name, actions }) => name === repository && actions.includes(action));
      return { user: claims.sub, may: (repository, action) => has(repository, action) && now.may(repository, action) };
    }
    const user = await users.userOf(authorization);
    if (user === null) throw this.refusal(url, null);
    return this.#of(user);
  }

  /** The 401 that tells how to ask again. */
  refusal(url: URL, wanted: { readonly name: string; readonly actions: string } | null): Failure {
    if (!this.#options.users) return new Failure("UNAUTHORIZED");
    const basic = 'Basic realm="dhow registry", charset="UTF-8"';
    const scope = wanted ? `,scope="repository:${wanted.name}:${wanted.actions}"` : "";
    const bearer = `Bearer realm="${url.origin}/token",service="${service}"${scope}`;
    return new Failure("UNAUTHORIZED", null, { "www-authenticate": this.#options.tokens ? bearer : basic });
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
        const asked = new Set(actions.split(",").flatMap((one) => meanings[one] ?? [one as Action]));
        const granted = [...asked].filter((one) => identity.may(name, one));
        return granted.length > 0 ? [{ type: "repository", name, actions: granted }] : [];
      });
    const token = tokens.issue(identity.user, service, access);
    const times = { expires_in: tokenSeconds, issued_at: new Date().toISOString() };
    return Response.json({ token, access_token: token, ...times }, { headers: { "cache-control": "no-store" } });
  }

  #of(user: string): Identity {
    const { rights } = this.#options;
    return { user, may: (name, action) => (rights ? rights.of(user, name).has(action) : user !== "") };
  }
}
