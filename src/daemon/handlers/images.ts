import type { Readable } from "node:stream";
import type { Filters } from "../../api/filters.ts";
import type {
  DistributionInspect,
  ImageDeleteResponseItem,
  ImageHistoryResponseItem,
  ImageInspect,
  ImagePruneResponse,
  ImageSearchResult,
  ImageSummary,
  ProgressSink,
} from "../../api/images.ts";
import type { AuthConfig } from "../../api/system.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Handlers } from "../call.ts";
import { withOldFields, withVirtualSizes } from "../old-images.ts";
import { readRegistryAuth } from "./credentials.ts";
import { ignore } from "./ignore.ts";

/** `platform` is `os[/arch[/variant]]`, or JSON of an OCI platform from newer clients; "" means the host's. */
export interface PullRequest {
  readonly fromImage: string;
  /** Tag or digest; "" when `fromImage` has it, or for `latest`. */
  readonly tag: string;
  readonly platform: string;
  readonly auth: AuthConfig | undefined;
}

export interface ImportRequest {
  readonly repo: string;
  readonly tag: string;
  readonly message: string;
  readonly changes: readonly string[];
  readonly platform: string;
}

/**
 * What the image routes need. `name` is a reference, a digest reference or an id (prefix), as the client gave it. Progress told
 * before a failure turns the failure into the last message of the stream; without any, it is the reply's status, but for a load.
 */
export interface ImagesBackend {
  list(
    query: { all: boolean; filters: Filters; sharedSize: boolean; manifests: boolean },
    op: Operation,
  ): Promise<ImageSummary[]>;
  inspect(name: string, query: { manifests: boolean; platform: string }, op: Operation): Promise<ImageInspect>;
  history(name: string, query: { platform: string }, op: Operation): Promise<ImageHistoryResponseItem[]>;
  tag(name: string, target: { repo: string; tag: string }, op: Operation): Promise<void>;
  remove(
    name: string,
    query: { force: boolean; noprune: boolean; platforms: readonly string[] },
    op: Operation,
  ): Promise<ImageDeleteResponseItem[]>;
  prune(filters: Filters, op: Operation): Promise<ImagePruneResponse>;
  pull(request: PullRequest, progress: ProgressSink, op: Operation): Promise<void>;
  push(
    name: string,
    query: { tag: string; platform: string; auth: AuthConfig | undefined },
    progress: ProgressSink,
    op: Operation,
  ): Promise<void>;
  /** `source` is the request's body, or a URL to fetch. */
  importTar(request: ImportRequest, source: Readable | URL, progress: ProgressSink, op: Operation): Promise<void>;
  load(
    query: { quiet: boolean; platforms: readonly string[] },
    archive: Readable,
    progress: ProgressSink,
    op: Operation,
  ): Promise<void>;
  save(names: readonly string[], query: { platforms: readonly string[] }, op: Operation): Promise<Readable>;
  search(
    query: { term: string; limit: number; filters: Filters; auth: AuthConfig | undefined },
    op: Operation,
  ): Promise<ImageSearchResult[]>;
  distribution(name: string, auth: AuthConfig | undefined, op: Operation): Promise<DistributionInspect>;
}

/** Handlers of the image routes. */
export function imageHandlers(images: ImagesBackend) {
  return {
    imageList: async ({ query, version, op }) => {
      const filters = query.filter === "" ? query.filters : new Map([...query.filters, ["reference", [query.filter]]]);
      const wanted = { all: query.all, filters, sharedSize: query["shared-size"], manifests: query.manifests };
      return withVirtualSizes(await images.list(wanted, op), version);
    },
    imageCreate: async ({ query, input, header, progress, op }) => {
      if (query.fromImage !== "") {
        const auth = readRegistryAuth(header("X-Registry-Auth"));
        return ignore(images.pull({ ...query, auth }, progress, op));
      }
      return ignore(images.importTar(query, importSource(query.fromSrc, input), progress, op));
    },
    imageLoad: async ({ query, input, progress, op }) =>
      ignore(images.load({ quiet: query.quiet, platforms: query.platform }, input, progress, op)),
    imagePrune: async ({ query, op }) => images.prune(query.filters, op),
    imageSearch: async ({ query, header, op }) =>
      images.search({ ...query, limit: query.limit ?? 0, auth: readRegistryAuth(header("X-Registry-Auth")) }, op),
    imageSaveMany: async ({ query, op }) => {
      if (query.names.length === 0) throw invalidArgument("no image names given");
      return { type: "application/x-tar", stream: await images.save(query.names, { platforms: query.platform }, op) };
    },
    imageSave: async ({ params, query, op }) => ({
      type: "application/x-tar",
      stream: await images.save([params.name], { platforms: query.platform }, op),
    }),
    imageInspect: async ({ params, query, version, header, op }) => {
      if (query.manifests && query.platform !== "") {
        throw invalidArgument("conflicting options: manifests and platform options cannot both be set");
      }
      return withOldFields(await images.inspect(params.name, query, op), version, header("User-Agent") ?? "");
    },
    imageHistory: async ({ params, query, op }) => images.history(params.name, query, op),
    imagePush: async ({ params, query, header, progress, op }) =>
      ignore(images.push(params.name, { ...query, auth: readRegistryAuth(header("X-Registry-Auth")) }, progress, op)),
    imageTag: async ({ params, query, op }) => ignore(images.tag(params.name, query, op)),
    imageRemove: async ({ params, query, op }) => images.remove(params.name, query, op),
    distributionInspect: async ({ params, header, op }) =>
      images.distribution(params.name, readRegistryAuth(header("X-Registry-Auth")), op),
  } satisfies Partial<Handlers>;
}

function importSource(fromSrc: string, body: Readable): Readable | URL {
  if (fromSrc === "-") return body;
  const url = URL.parse(/^[a-z]+:\/\//i.test(fromSrc) ? fromSrc : `http://${fromSrc}`);
  if (!url || fromSrc === "" || !["http:", "https:"].includes(url.protocol)) {
    throw invalidArgument(`invalid import source ${JSON.stringify(fromSrc)}`);
  }
  return url;
}
