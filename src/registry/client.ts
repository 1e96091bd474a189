/** The distribution API's pull side: manifests, tags, blobs. A body's digest, never a header, decides what it is. */
import { type Digest, digestOf, isDigest } from "../lib/digest.ts";
import { dataLoss, isKind, unauthorized, unavailable } from "../lib/errors.ts";
import { parseJson } from "../lib/json.ts";
import type { Scope } from "./auth.ts";
import { bounded } from "./bounded.ts";
import { dockerImage, dockerList, ociImage, ociIndex } from "./media-types.ts";
import { type RegistryOptions, RegistryTransport } from "./transport.ts";

const manifestTypes = [ociIndex, dockerList, ociImage, dockerImage].join(", ");

const maxTagPages = 100;
const maxTagPageSize = 4 * 1024 * 1024;
const maxTags = 10_000;

const reads = (path: string): Scope[] => (path === "" ? [] : [{ path, actions: "pull" }]);

export class RegistryClient {
  readonly #transport: RegistryTransport;

  constructor(options: RegistryOptions) {
    this.#transport = new RegistryTransport(options);
  }

  /** Shows the credentials to the registry; throws `unauthorized` when it refuses them. */
  async login(signal: AbortSignal): Promise<void> {
    const response = await this.#get("", "", {}, signal).catch((error) => {
      if (!isKind(error, "notFound")) throw error;
      throw unauthorized(`login attempt to ${this.#transport.origin}/v2/ failed with status: 401 Unauthorized`);
    });
    await response.body?.cancel();
  }

  /** A manifest or index by tag or digest; bytes that do not hash to the digest asked for are `dataLoss`. */
  async manifest(
    path: string,
    reference: string,
    limit: number,
    signal: AbortSignal,
  ): Promise<{ bytes: Buffer; mediaType: string; digest: Digest }> {
    const response = await this.#get(path, `manifests/${reference}`, { accept: manifestTypes }, signal);
    const bytes = await bounded(response, limit);
    const digest = digestOf(bytes);
    if (reference.includes(":") && reference !== digest) {
      throw dataLoss(`manifest verification failed for digest ${reference}`);
    }
    return { bytes, mediaType: response.headers.get("content-type") ?? "", digest };
  }

  /** What the registry says that a tag leads to, without its bytes; null when it does not say. Only {@link manifest} proves it. */
  async tagged(path: string, tag: string, signal: AbortSignal): Promise<Digest | null> {
    const { headers } = await this.#send("HEAD", path, `manifests/${tag}`, { accept: manifestTypes }, signal);
    const digest = headers.get("docker-content-digest");
    return isDigest(digest) ? digest : null;
  }

  /** An index of what refers to a manifest, as the registry has it: `notFound` from one without this endpoint. */
  async referrers(path: string, digest: Digest, query: string, limit: number, signal: AbortSignal): Promise<Buffer> {
    return bounded(await this.#get(path, `referrers/${digest}${query}`, {}, signal), limit);
  }

  /** All tags of a repository. Pages are asked for where `Link` says; their number and the tags' are bounded. */
  async tags(path: string, signal: AbortSignal): Promise<string[]> {
    const tags = new Set<string>();
    let query = "?n=1000";
    for (const asked = new Set<string>(); query !== ""; ) {
      if (asked.has(query) || asked.size >= maxTagPages)
        throw dataLoss(`registry lists the tags of ${path} without end`);
      asked.add(query);
      const response = await this.#get(path, `tags/list${query}`, {}, signal);
      const page = parseJson((await bounded(response, maxTagPageSize)).toString("utf8")) as { tags?: unknown } | null;
      if (Array.isArray(page?.tags)) for (const tag of page.tags) if (typeof tag === "string") tags.add(tag);
      if (tags.size > maxTags) throw dataLoss(`repository ${path} has more than ${maxTags} tags`);
      // Only the query is followed: the list stays where it is.
      const next = /<[^>?]*(\?[^>]*)>\s*;\s*rel="?next"?/i.exec(response.headers.get("link") ?? "");
      query = next?.[1] ?? "";
    }
    return [...tags];
  }

  /** Bytes of a blob, as the registry says; null when it does not say. */
  async blobSize(path: string, digest: Digest, signal: AbortSignal): Promise<number | null> {
    return lengthOf(await this.#send("HEAD", path, `blobs/${digest}`, {}, signal));
  }

  /**
   * A blob's bytes from `offset` on. `from` is where they really begin: a registry without ranges starts at 0. `length` is how many
   * the registry says will come, null when it does not say.
   */
  async blob(
    path: string,
    digest: Digest,
    offset: number,
    signal: AbortSignal,
  ): Promise<{ from: number; length: number | null; body: ReadableStream<Uint8Array> }> {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const response = await this.#get(path, `blobs/${digest}`, headers, signal);
    let from = 0;
    if (response.status === 206) {
      from = Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? Number.NaN);
      if (from !== offset) {
        await response.body?.cancel();
        throw unavailable(`registry answered another range than bytes=${offset}-`);
      }
    }
    if (!response.body) throw unavailable("registry answered without a body");
    return { from, length: lengthOf(response), body: response.body };
  }

  /** A small blob whole, verified; `tooLarge` above `limit` bytes. */
  async smallBlob(path: string, digest: Digest, limit: number, signal: AbortSignal): Promise<Buffer> {
    const bytes = await bounded(await this.#get(path, `blobs/${digest}`, {}, signal), limit);
    if (digestOf(bytes) !== digest) throw dataLoss(`blob verification failed for digest ${digest}`);
    return bytes;
  }

  #get(path: string, rest: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    return this.#send("GET", path, rest, headers, signal);
  }

  #send(
    method: "GET" | "HEAD",
    path: string,
    rest: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Response> {
    const target = path === "" ? "" : `${path}/${rest}`;
    return this.#transport.send({ method, target, headers, scopes: reads(path) }, signal);
  }
}

function lengthOf({ headers }: Response): number | null {
  const text = headers.get("content-length") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
