/**
 * A cache of another registry. What a digest names is fetched once and kept; what a tag leads to is asked anew each time, and answered
 * from the cache when upstream says neither yes nor no. Everything belongs to the repository that it was fetched for: what is cached for
 * one is none of another's until upstream gives it to that one too.
 */
import type { Digest } from "../../lib/digest.ts";
import { isKind, messageOf } from "../../lib/errors.ts";
import type { RepositoryName } from "../layout.ts";
import * as layout from "../layout.ts";
import { parseManifest } from "../manifest.ts";
import type { Repositories } from "../repositories.ts";
import type { UploadSessions } from "../upload-sessions.ts";
import { BlobFetches } from "./blob-fetches.ts";
import { isAway, refusalOf, type Upstream } from "./upstream.ts";

/** Where an answer came from, or that there was none. */
export type CacheResult = "hit" | "miss" | "stale" | "failed";

export interface PullThroughOptions {
  readonly upstream: Upstream;
  readonly repositories: Repositories;
  readonly uploads: UploadSessions;
  /** Hosts whose repositories upstream has. */
  readonly namespaces: readonly string[];
  /** How long a tag that upstream confirmed is answered while upstream is away, in milliseconds; 0 for never. */
  readonly staleMs: number;
  /** What nobody asked for so long goes, in milliseconds. */
  readonly unaskedMs: number;
  readonly count: (what: "manifest" | "blob", result: CacheResult) => void;
  readonly log: (message: string) => void;
}

/** What a tag leads to, and why that may not be so any more. */
export interface Tagged {
  readonly digest: Digest;
  /** Null when upstream has just said so. */
  readonly warning: string | null;
}

export class PullThrough {
  readonly #options: PullThroughOptions;
  readonly #upstream: Upstream;
  readonly #repositories: Repositories;
  readonly #blobs: BlobFetches;
  /** Questions about manifests that upstream is being asked. */
  readonly #asking = new Map<string, Promise<unknown>>();

  constructor(options: PullThroughOptions) {
    this.#options = options;
    this.#upstream = options.upstream;
    this.#repositories = options.repositories;
    this.#blobs = new BlobFetches(options.upstream, options.repositories, options.uploads);
  }

  /**
   * Whether a client that asks for a repository of `host` (containerd's `?ns=`; null when it does not say) is right here: one that uses a
   * cache for several registries must not be given what goes by the same name at another.
   */
  standsFor(host: string | null): boolean {
    return host === null || this.#options.namespaces.includes(host);
  }

  /** What a tag leads to, its manifest in the cache. Throws `MANIFEST_UNKNOWN`, `DENIED`, `UNAVAILABLE`. */
  tagged(name: RepositoryName, tag: string): Promise<Tagged> {
    return this.#once(`${name}:${tag}`, async () => {
      const cached = await this.#repositories.tagged(name, tag);
      try {
        return { digest: await this.#confirmed(name, tag, cached), warning: null };
      } catch (error) {
        return { digest: await this.#unconfirmed(name, tag, cached, error), warning: messageOf(error) };
      }
    });
  }

  /** Has a manifest in the cache. Throws as {@link tagged}. */
  async manifest(name: RepositoryName, digest: Digest): Promise<void> {
    if (await this.#isHere(name, digest)) return this.#count("manifest", "hit");
    await this.#once(`${name}@${digest}`, () => this.#fetchManifest(name, digest)).catch((error: unknown) => {
      this.#count("manifest", "failed");
      throw refusalOf(error, "MANIFEST_UNKNOWN");
    });
  }

  /** Notes that a client asked for a blob of the cache. */
  async blobHit(name: RepositoryName, digest: Digest): Promise<void> {
    this.#count("blob", "hit");
    await this.#touch(layout.layerLink(name, digest), digest);
  }

  /** Bytes of a blob that is not in the cache, which is left so; null when upstream does not say. */
  blobSize(name: RepositoryName, digest: Digest): Promise<number | null> {
    return this.#upstream.blobSize(name, digest).catch((error: unknown) => {
      throw refusalOf(error, "BLOB_UNKNOWN");
    });
  }

  /** Fetches a blob that is not in the cache: its bytes as they come, or null when they are there. See {@link BlobFetches.get}. */
  async blob(name: RepositoryName, digest: Digest, live: boolean): Promise<ReadableStream<Uint8Array> | null> {
    this.#count("blob", "miss");
    const failed = (error: unknown): void => {
      this.#count("blob", "failed");
      this.#options.log(`proxy: ${name}@${digest}: ${messageOf(error)}`);
    };
    try {
      return await this.#blobs.get(name, digest, { live, failed });
    } catch (error) {
      throw refusalOf(error, "BLOB_UNKNOWN");
    }
  }

  /** Upstream's tags, those of the cache when it is away. */
  async tags(name: RepositoryName): Promise<string[]> {
    try {
      return (await this.#upstream.tags(name)).filter(layout.isTag).sort();
    } catch (error) {
      const cached = isAway(error) ? await this.#repositories.tags(name) : [];
      if (cached.length === 0) throw refusalOf(error, "NAME_UNKNOWN");
      this.#options.log(`proxy: tags of ${name} are those of the cache: ${messageOf(error)}`);
      return cached;
    }
  }

  /** Upstream's list: one of the cache would lack a signature that nobody has pulled, and say that there is none. */
  referrers(name: RepositoryName, digest: Digest, query: string): Promise<Buffer> {
    return this.#upstream.referrers(name, digest, query).catch((error: unknown) => {
      throw refusalOf(error, "MANIFEST_UNKNOWN");
    });
  }

  async #confirmed(name: RepositoryName, tag: string, cached: Digest | null): Promise<Digest> {
    const now = await this.#upstream.tagged(name, tag);
    if (now === null || now !== cached || !(await this.#isHere(name, now))) return this.#fetchManifest(name, tag);
    this.#count("manifest", "hit");
    await this.#touch(layout.tagLink(name, tag), now, this.#options.staleMs || this.#options.unaskedMs);
    return now;
  }

  /** What the cache has, when upstream is away and said so not too long ago. */
  async #unconfirmed(name: RepositoryName, tag: string, cached: Digest | null, error: unknown): Promise<Digest> {
    const { staleMs, log } = this.#options;
    const confirmed =
      cached === null ? null : await this.#repositories.blobs.storage.modified(layout.tagLink(name, tag));
    const isKnown = confirmed !== null && Date.now() - confirmed < staleMs;
    if (cached !== null && isKnown && isAway(error) && (await this.#isHere(name, cached))) {
      this.#count("manifest", "stale");
      log(`proxy: ${name}:${tag} is answered as of ${new Date(confirmed).toISOString()}: ${messageOf(error)}`);
      return cached;
    }
    this.#count("manifest", "failed");
    if (isKind(error, "notFound")) await this.#repositories.removeTag(name, tag);
    throw refusalOf(error, "MANIFEST_UNKNOWN");
  }

  async #fetchManifest(name: RepositoryName, reference: string): Promise<Digest> {
    const { bytes, digest, mediaType } = await this.#upstream.manifest(name, reference);
    const declared = mediaType.split(";")[0]?.trim() ?? "";
    const { subject } = parseManifest(bytes, declared.startsWith("application/vnd.") ? declared : "");
    const tags = reference === digest ? [] : [reference];
    await this.#repositories.addManifest(name, { digest, bytes, tags, subject });
    this.#count("manifest", "miss");
    return digest;
  }

  async #isHere(name: RepositoryName, digest: Digest): Promise<boolean> {
    const isHere =
      (await this.#repositories.hasManifest(name, digest)) && (await this.#repositories.blobs.size(digest)) !== null;
    if (isHere) await this.#touch(layout.revisionLink(name, digest), digest);
    return isHere;
  }

  /** A link's time tells when somebody asked last, or upstream said so, as near as a tenth of `keptMs`, or an hour. */
  async #touch(link: string, digest: Digest, keptMs = this.#options.unaskedMs): Promise<void> {
    const { storage } = this.#repositories.blobs;
    const modified = await storage.modified(link);
    const oldEnough = Date.now() - Math.min(keptMs / 10, this.#options.unaskedMs / 10, 3600_000);
    if (modified !== null && modified < oldEnough) await storage.write(link, digest);
  }

  #count(what: "manifest" | "blob", result: CacheResult): void {
    this.#options.count(what, result);
  }

  /** One question at a time with one answer for all who ask it. */
  async #once<T>(question: string, ask: () => Promise<T>): Promise<T> {
    const asked = this.#asking.get(question) as Promise<T> | undefined;
    if (asked) return asked;
    const answer = ask().finally(() => this.#asking.delete(question));
    this.#asking.set(question, answer);
    return answer;
  }
}
