/**
 * Collection of what need not be kept, while the registry is in use. Blobs that a client was told of stay for the grace time, so that
 * a push in flight finds at its end what was there at its beginning; after a start that counts for all blobs.
 */
import type { Digest } from "../lib/digest.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Blobs } from "./blobs.ts";
import type { RepositoryName } from "./layout.ts";
import * as layout from "./layout.ts";
import type { Repositories } from "./repositories.ts";
import type { Retention } from "./retention.ts";

export interface CollectorOptions {
  /** How long a blob is kept after it was last sent, asked for or linked, in milliseconds. */
  readonly graceMs: number;
  readonly retention: Retention;
  /** An upload that nobody went on with for so long is given up, in milliseconds. */
  readonly uploadMs: number;
}

/** What one collection removed. */
export interface Collected {
  readonly manifests: number;
  readonly links: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly uploads: number;
}

type Mutable = { -readonly [Key in keyof Collected]: Collected[Key] };

export class Collector {
  readonly #repositories: Repositories;
  readonly #blobs: Blobs;
  readonly #options: CollectorOptions;

  constructor(repositories: Repositories, options: CollectorOptions) {
    this.#repositories = repositories;
    this.#blobs = repositories.blobs;
    this.#options = options;
  }

  /** One round over everything. A repository whose manifests cannot be read loses nothing, and says why. */
  async run(log: (message: string) => void, now = Date.now()): Promise<Collected> {
    const collected: Mutable = { manifests: 0, links: 0, blobs: 0, bytes: 0, uploads: 0 };
    const live = new Set<Digest>();
    let unread = false;
    await this.#options.retention.begin(now);
    for await (const name of this.#repositories.everyDirectory()) {
      collected.uploads += await this.#uploads(name, now);
      try {
        await this.#collectRepository(name, live, collected, now);
      } catch (error) {
        unread = true;
        log(`gc: ${name} is left alone: ${error instanceof Error ? error.message : error}`);
      }
    }
    // What an unreadable manifest needs is not known.
    if (!unread) await this.#collectBlobs(live, collected, now);
    await this.#blobs.storage.sweep(now - this.#options.uploadMs);
    this.#blobs.forgetTold(now - this.#options.graceMs);
    return collected;
  }

  async #collectRepository(name: RepositoryName, live: Set<Digest>, collected: Mutable, now: number): Promise<void> {
    const holdings = await this.#options.retention.holdings(name);
    failPoint("registry.gc.marked");
    for (const [digest, subject] of holdings.dead) {
      const link = layout.revisionLink(name, digest);
      const remove = () => this.#repositories.removeManifest(name, digest, subject);
      if (await this.#remove(digest, link, now, remove)) {
        holdings.removed(digest);
        collected.manifests++;
      } else live.add(digest);
    }
    const needed = holdings.needed();
    for (const digest of await this.#repositories.layers(name)) {
      const link = layout.layerLink(name, digest);
      const isGone =
        !needed.has(digest) && (await this.#remove(digest, link, now, () => this.#repositories.unlink(link)));
      if (isGone) collected.links++;
      else live.add(digest);
    }
    for (const digest of needed) live.add(digest);
  }

  async #collectBlobs(live: ReadonlySet<Digest>, collected: Mutable, now: number): Promise<void> {
    for await (const digest of this.#blobs.all()) {
      if (live.has(digest)) continue;
      const size = (await this.#blobs.size(digest)) ?? 0;
      const remove = () => this.#blobs.storage.remove(layout.blobDirectory(digest));
      if (!(await this.#remove(digest, layout.blobPath(digest), now, remove))) continue;
      collected.blobs++;
      collected.bytes += size;
    }
  }

  async #uploads(name: RepositoryName, now: number): Promise<number> {
    const { storage } = this.#blobs;
    let removed = 0;
    for (const id of await storage.list(layout.uploadsPath(name))) {
      const path = layout.uploadPath(name, id);
      const touched = Math.max(
        (await storage.modified(`${path}/data`)) ?? 0,
        (await storage.modified(`${path}/startedat`)) ?? 0,
      );
      if (touched === 0 || now - touched < this.#options.uploadMs) continue;
      await storage.remove(path);
      removed++;
    }
    return removed;
  }

  /** Removes what is older than the grace time and nobody has been told of since; answers whether it did. */
  async #remove(digest: Digest, path: string, now: number, remove: () => Promise<void>): Promise<boolean> {
    const before = now - this.#options.graceMs;
    const modified = await this.#blobs.storage.modified(path);
    if (modified === null || modified >= before) return false;
    if (!(await this.#blobs.removeUnlessTold(digest, path, before, remove))) return false;
    failPoint("registry.gc.removed");
    return true;
  }
}
