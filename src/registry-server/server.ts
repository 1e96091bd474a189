/** The distribution API over HTTP: which endpoint a request means, who may use it, and what a failure looks like. */
import type { Server } from "bun";
import { isErrno } from "../linux/syscall-error.ts";
import { type BrowserOptions, dress, preflight } from "./browsers.ts";
import {
  appendUpload,
  beginUpload,
  cancelUpload,
  deleteBlob,
  finishUpload,
  readBlob,
  uploadStatus,
} from "./endpoints/blobs.ts";
import { listRepositories } from "./endpoints/catalog.ts";
import { deleteManifest, listReferrers, listTags, readManifest, writeManifest } from "./endpoints/manifests.ts";
import { Failure } from "./failure.ts";
import { isRepositoryName } from "./layout.ts";
import type { Metrics } from "./metrics.ts";
import { answerPage, isPagePath } from "./page/page.ts";
import type { Call, Registry } from "./request.ts";
import type { Action } from "./rights.ts";
import { StorageUnavailable } from "./storage.ts";

interface Endpoint {
  readonly methods: string;
  /** Behind `/v2/NAME/`; the group is what the endpoint is given. */
  readonly path: RegExp;
  readonly action: Action;
  readonly run: (call: Call, argument: string) => Promise<Response>;
}

const endpoints: readonly Endpoint[] = [
  { methods: "GET HEAD", path: /^blobs\/([^/]+)$/, action: "pull", run: readBlob },
  { methods: "DELETE", path: /^blobs\/([^/]+)$/, action: "delete", run: deleteBlob },
  { methods: "POST", path: /^blobs\/uploads\/?()$/, action: "push", run: beginUpload },
  { methods: "GET", path: /^blobs\/uploads\/([^/]+)$/, action: "push", run: uploadStatus },
  { methods: "PATCH", path: /^blobs\/uploads\/([^/]+)$/, action: "push", run: appendUpload },
  { methods: "PUT", path: /^blobs\/uploads\/([^/]+)$/, action: "push", run: finishUpload },
  { methods: "DELETE", path: /^blobs\/uploads\/([^/]+)$/, action: "push", run: cancelUpload },
  { methods: "GET HEAD", path: /^manifests\/([^/]+)$/, action: "pull", run: readManifest },
  { methods: "PUT", path: /^manifests\/([^/]+)$/, action: "push", run: writeManifest },
  { methods: "DELETE", path: /^manifests\/([^/]+)$/, action: "delete", run: deleteManifest },
  { methods: "GET", path: /^tags\/list()$/, action: "pull", run: listTags },
  { methods: "GET", path: /^referrers\/([^/]+)$/, action: "pull", run: listReferrers },
];

/** Where a repository's name ends: at the last of these words, for they may be parts of a name too. */
const nameEnd = /^(.+)\/((?:blobs|manifests|tags|referrers)\/[^/]*(?:\/[^/]*)?)$/;

export interface ServerOptions {
  readonly registry: Registry;
  readonly hostname: string;
  readonly port: number;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly metrics: Metrics;
  /** Whether browsers are shown a page. */
  readonly page: boolean;
  readonly browsers: BrowserOptions;
  readonly log: (message: string) => void;
}

/** What a request's endpoint is called in the metrics. */
const endpointName = (url: string): string =>
  /\/(blobs\/uploads|blobs|manifests|tags|referrers)\b(?!.*\/(?:blobs|manifests|tags|referrers)\/)/.exec(url)?.[1] ??
  "other";

/** Serves until it is stopped. */
export function serveRegistry(options: ServerOptions): Server<undefined> {
  const { registry, hostname, port, tls, metrics, page, browsers, log } = options;
  return Bun.serve({
    hostname,
    port,
    ...(tls ? { tls } : {}),
    // A layer has no largest size, and a slow line no longest time.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    idleTimeout: 255,
    async fetch(request, server) {
      const from = performance.now();
      const response =
        preflight(browsers, request) ??
        (await answer(registry, request, page, addressOf(server.requestIP(request))).catch((error: unknown) =>
          failed(error, request, log),
        ));
      dress(browsers, request, response);
      response.headers.set("docker-distribution-api-version", "registry/2.0");
      response.headers.set("x-content-type-options", "nosniff");
      metrics.answered(methodOf(request), endpointName(request.url), response.status, performance.now() - from);
      return response;
    },
    error: (error) => failed(error, null, log),
  });
}

const addressOf = (client: { address: string; port: number } | null): string =>
  client ? `${client.address.includes(":") ? `[${client.address}]` : client.address}:${client.port}` : "";

/** One of few: a client's own word for it would be a label more. */
const methodOf = ({ method }: Request): string =>
  ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"].includes(method) ? method : "other";

/** `address` is the client's. */
async function answer(registry: Registry, request: Request, page: boolean, address: string): Promise<Response> {
  const url = new URL(request.url);
  if (page && isPagePath(url.pathname)) return answerPage(registry, request, url);
  const { access } = registry;
  if (url.pathname === "/token") return access.token(request, url);
  const path = pathOf(url);
  const identity = await access.identify(request, url);
  if (path === "" || path === "_catalog") {
    if (request.method !== "GET" && request.method !== "HEAD")
      throw new Failure("UNSUPPORTED", null, { allow: "GET, HEAD" });
    // Clients learn here how to prove who they are, also those that may do something without.
    if (access.names && request.headers.get("authorization") === null)
      throw access.refusal(url, path === "" ? "" : "registry:catalog:*");
    return path === "" ? Response.json({}) : listRepositories(registry, identity, url);
  }
  const [, name = "", rest = ""] = nameEnd.exec(path) ?? [];
  if (rest === "") throw new Failure("UNSUPPORTED", { path });
  if (!isRepositoryName(name)) throw new Failure("NAME_INVALID", { name: name.slice(0, 300) });
  if (registry.proxy?.standsFor(url.searchParams.get("ns")) === false)
    throw new Failure("NAME_UNKNOWN", {
      ns: url.searchParams.get("ns"),
      reason: "this registry is a cache of another",
    });
  const found = endpoints.filter((endpoint) => endpoint.path.test(rest));
  const endpoint = found.find(({ methods }) => methods.split(" ").includes(request.method));
  if (!endpoint) {
    const allow = [...found.map(({ methods }) => methods.replaceAll(" ", ", ")), "OPTIONS"].join(", ");
    if (request.method !== "OPTIONS" || found.length === 0) throw new Failure("UNSUPPORTED", null, { allow });
    return new Response(null, { status: 204, headers: { allow } });
  }
  const { action } = endpoint;
  if (!identity.may(name, action) && !(action === "push" && identity.may(name, "create"))) {
    const isUnproven = identity.user === "" || /^bearer /i.test(request.headers.get("authorization") ?? "");
    const actions = action === "push" ? "pull,push" : action;
    throw isUnproven ? access.refusal(url, `repository:${name}:${actions}`) : new Failure("DENIED", { action });
  }
  if (action !== "pull" && registry.proxy) throw new Failure("UNSUPPORTED", "this registry is a cache of another");
  if (action !== "pull" && registry.readOnly) throw new Failure("UNSUPPORTED", "this registry is read-only");
  if (action === "delete" && !registry.deletes) throw new Failure("UNSUPPORTED", "this registry removes nothing");
  const asker = { request, address, user: identity.user };
  const tell: Call["tell"] = (happening) => registry.notifications.tell({ ...happening, repository: name }, asker);
  return endpoint.run({ registry, request, url, name, identity, tell }, endpoint.path.exec(rest)?.[1] ?? "");
}

/** Behind `/v2/`, decoded once; a slash that was not one in the request is no slash of a name. */
function pathOf(url: URL): string {
  if (url.pathname === "/v2" || url.pathname === "/v2/") return "";
  if (!url.pathname.startsWith("/v2/")) throw new Failure("UNSUPPORTED", { path: url.pathname.slice(0, 300) });
  if (/%(?:2f|5c|00)/i.test(url.pathname)) throw new Failure("NAME_INVALID", "a name holds no escaped slash");
  try {
    return decodeURIComponent(url.pathname.slice("/v2/".length));
  } catch {
    throw new Failure("NAME_INVALID", "not UTF-8");
  }
}

function failed(error: unknown, request: Request | null, log: (message: string) => void): Response {
  if (error instanceof Failure) return error.response();
  const what = error instanceof Error ? error.message : String(error);
  if (request?.signal.aborted) return new Failure("BLOB_UPLOAD_INVALID", "the client went away").response();
  log(`${request?.method ?? ""} ${request?.url ?? ""}: ${what}`);
  if (error instanceof StorageUnavailable) return new Failure("UNAVAILABLE", "the storage does not answer").response();
  if (isErrno(error, "ENOSPC", "EDQUOT", "EROFS", "EMFILE", "ENFILE"))
    return new Failure("UNAVAILABLE", what.split(":")[0]).response();
  return Response.json({ errors: [{ code: "UNKNOWN", message: "unknown error", detail: null }] }, { status: 500 });
}
