/** What other web pages may ask of the registry (Fetch, CORS), and headers that its operator adds to every answer. */
import { type FlagValues, UsageError } from "../lib/flags.ts";
import type { registryFlags } from "./flags.ts";

export interface BrowserOptions {
  /** Origins whose pages may ask, also with credentials; `*` for all, without. */
  readonly origins: readonly string[];
  /** By name. */
  readonly headers: ReadonlyMap<string, string>;
}

const methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/** Headers of the distribution API that no page sends, or reads, unless it is told. */
const sent = "Authorization, Accept, Content-Type, Content-Range, Range, If-None-Match";
const read =
  "Docker-Content-Digest, Docker-Distribution-Api-Version, Docker-Upload-UUID, Link, Location, Range, Content-Range, " +
  "OCI-Subject, OCI-Tag, OCI-Filters-Applied, WWW-Authenticate, Warning";

/** Those that say what an answer holds or how it goes on are the registry's own. */
const reserved =
  /^(?:content-|docker-|oci-|transfer-encoding$|location$|link$|range$|etag$|www-authenticate$|set-cookie$|connection$)/i;

/** Throws {@link UsageError}. */
export function browserOptions(values: FlagValues<typeof registryFlags>): BrowserOptions {
  for (const origin of values["cors-origin"]) {
    if (origin !== "*" && URL.parse(origin)?.origin !== origin)
      throw new UsageError(`invalid --cors-origin ${JSON.stringify(origin)}: expected https://HOST[:PORT] or *`);
  }
  const headers = new Map(values.header.map((line) => headerIn("--header", line)));
  for (const name of headers.keys())
    if (reserved.test(name)) throw new UsageError(`invalid --header: ${name} is the registry's own`);
  return { origins: values["cors-origin"], headers };
}

/** `NAME: VALUE`. Throws {@link UsageError}, which quotes the name alone: a value may be a secret. */
export function headerIn(where: string, line: string): [name: string, value: string] {
  const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([\x20-\x7e]*?)[ \t]*$/.exec(line) ?? [];
  if (name === undefined || value === undefined)
    throw new UsageError(
      `invalid ${where}: expected NAME: VALUE${line.includes(":") ? "" : `, got ${JSON.stringify(line)}`}`,
    );
  return [name, value];
}

/** The answer to a browser that asks whether a page may ask; null for any other request, and for a page that may not. */
export function preflight({ origins }: BrowserOptions, request: Request): Response | null {
  const isAsked = request.method === "OPTIONS" && request.headers.has("access-control-request-method");
  if (!isAsked || allowed(origins, request) === null) return null;
  const headers = {
    "access-control-allow-methods": methods,
    "access-control-allow-headers": sent,
    "access-control-max-age": "3600",
  };
  return new Response(null, { status: 204, headers });
}

/** Adds to any answer what its asker's page may see of it, and the operator's headers. */
export function dress({ origins, headers }: BrowserOptions, request: Request, response: Response): void {
  for (const [name, value] of headers) response.headers.set(name, value);
  if (origins.length === 0) return;
  response.headers.append("vary", "Origin");
  const origin = allowed(origins, request);
  if (origin === null) return;
  response.headers.set("access-control-allow-origin", origin);
  if (origin !== "*") response.headers.set("access-control-allow-credentials", "true");
  response.headers.set("access-control-expose-headers", read);
}

function allowed(origins: readonly string[], request: Request): string | null {
  const origin = request.headers.get("origin");
  if (origin === null) return null;
  if (origins.includes(origin)) return origin;
  return origins.includes("*") ? "*" : null;
}
