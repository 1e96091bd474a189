import type { Credentials } from "./plan.ts";

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

/** A text that people are shown, without the credentials of URLs in it. */
export function withoutCredentials(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s"']*:[^/@\s"']*@/gi, "$1xxxxx:xxxxx@");
}
