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
import type { Operation } from "../../lib/operation.ts";

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
 * before a failure turns the failure into the last message of the stream; without any, it is the reply's status.
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
  search(query: { term: string; limit: number; filters: Filters }, op: Operation): Promise<ImageSearchResult[]>;
  distribution(name: string, auth: AuthConfig | undefined, op: Operation): Promise<DistributionInspect>;
}
