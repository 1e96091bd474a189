/**
 * The page for browsers: `GET /`, and below `/page/` what it is made of. It asks the distribution API like any other client; of its own
 * it has a catalog alone, which shows nobody by name what everybody may pull. No repository can have such an address: theirs begin `/v2/`.
 */
import { digestOf } from "../../lib/digest.ts";
import { listRepositories } from "../endpoints/catalog.ts";
import { Failure } from "../failure.ts";
import type { Registry } from "../request.ts";
import { asset } from "./assets.ts" with { type: "macro" };

interface File {
  readonly type: string;
  readonly text: string;
}

const script = (text: string): File => ({ type: "text/javascript; charset=utf-8", text });

const files: Readonly<Record<string, File>> = {
  "/": { type: "text/html; charset=utf-8", text: asset("index.html") },
  "/page/page.css": { type: "text/css; charset=utf-8", text: asset("page.css") },
  "/page/icon.svg": { type: "image/svg+xml", text: asset("icon.svg") },
  "/page/api.ts": script(asset("api.ts")),
  "/page/dom.ts": script(asset("dom.ts")),
  "/page/image.ts": script(asset("image.ts")),
  "/page/login.ts": script(asset("login.ts")),
  "/page/main.ts": script(asset("main.ts")),
  "/page/manifest.ts": script(asset("manifest.ts")),
  "/page/pull.ts": script(asset("pull.ts")),
  "/page/repositories.ts": script(asset("repositories.ts")),
  "/page/tags.ts": script(asset("tags.ts")),
  "/page/words.ts": script(asset("words.ts")),
};

/** Nothing but what is served here runs, and nobody shows the page in another one. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const headers = {
  "content-security-policy": policy,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
};

export const isPagePath = (path: string): boolean => path === "/" || path.startsWith("/page/");

/** Answers a path for which {@link isPagePath} holds. */
export async function answerPage(registry: Registry, request: Request, url: URL): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new Failure("UNSUPPORTED", null, { allow: "GET, HEAD" });
  if (url.pathname === "/page/catalog") {
    const identity = await registry.access.identify(request, url);
    const response = await listRepositories(registry, identity, url);
    response.headers.set("cache-control", "no-store");
    return response;
  }
  const file = Object.hasOwn(files, url.pathname) ? files[url.pathname] : undefined;
  if (!file) return new Response("no such page\n", { status: 404, headers });
  const etag = `"${digestOf(file.text)}"`;
  // Asked for anew each time, so that the parts of a page are always of one binary.
  const about = { ...headers, etag, "cache-control": "no-cache", "content-type": file.type };
  if (request.headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers: about });
  return new Response(request.method === "HEAD" ? null : file.text, { headers: about });
}
