/** Users and passwords in URLs, which are for the one who fetches and for nobody else. */

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A URL without its user and password, and those. The user of `ssh://` is no secret, and part of the address. */
export function splitCredentials(url: string): { readonly url: string; readonly credentials: Credentials | null } {
  const match = /^(https?:\/\/)([^/@]*)@(.*)$/is.exec(url);
  if (match === null) return { url, credentials: null };
  const [, scheme = "", userinfo = "", rest = ""] = match;
  const at = userinfo.indexOf(":");
  const user = at < 0 ? userinfo : userinfo.slice(0, at);
  return {
    url: scheme + rest,
    credentials: { user: decoded(user), password: at < 0 ? "" : decoded(userinfo.slice(at + 1)) },
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `text` with the credentials of each URL in it replaced; a token may stand in the user's place. */
function replaceCredentials(text: string, replacement: (credentials: string) => string): string {
  return text.replace(/(ssh)?:\/\/([^/@\s"']+)@/gi, (all, ssh: string | undefined, userinfo: string) => {
    const isUserOnly = ssh !== undefined && !userinfo.includes(":");
    return isUserOnly ? all : `${ssh ?? ""}://${replacement(userinfo)}@`;
  });
}

/** A text that people are shown or that is kept, without the credentials of URLs in it. */
export function withoutCredentials(text: string): string {
  return replaceCredentials(text, () => "xxxxx:xxxxx");
}

/** As {@link withoutCredentials}, with as many stars, so that everything stays where it stood. */
export function starredCredentials(text: string): string {
  return replaceCredentials(text, (credentials) => "*".repeat(credentials.length));
}
