/** What of a cache may be collected: what nobody has asked for, and the oldest of it where there is not room for all. */
import type { Digest } from "../../lib/digest.ts";
import type { RepositoryName } from "../layout.ts";
import * as layout from "../layout.ts";
import type { Repositories } from "../repositories.ts";
import type { Holdings, Retention } from "../retention.ts";

export interface AskedOptions {
  /** What nobody asked for so long goes, in milliseconds. */
  readonly unaskedMs: number;
  /** Most bytes that stay; null for no limit. */
  readonly maxBytes: number | null;
}

export class AskedRetention implements Retention {
  readonly #repositories: Repositories;
  readonly #options: AskedOptions;
  /** What was asked for last before that goes, in milliseconds since 1970. */
  #since = 0;

  constructor(repositories: Repositories, options: AskedOptions) {
    this.#repositories = repositories;
    this.#options = options;
  }

  async begin(now: number): Promise<void> {
    this.#since = now - this.#options.unaskedMs;
    if (this.#options.maxBytes !== null)
      this.#since = Math.max(this.#since, await this.#fitting(this.#options.maxBytes));
  }

  async holdings(name: RepositoryName): Promise<Holdings> {
    const dead = new Map<Digest, null>();
    const needed = new Set<Digest>();
    for (const [digest, { kind, asked }] of await this.#links(name)) {
      if (asked >= this.#since) needed.add(digest);
      else if (kind === "manifest") dead.set(digest, null);
    }
    return { dead, removed: () => {}, needed: () => needed };
  }

  /** The time since when what was asked for takes no more than `bytes`. */
  async #fitting(bytes: number): Promise<number> {
    const asked = new Map<Digest, number>();
    for await (const name of this.#repositories.everyDirectory()) {
      for (const [digest, link] of await this.#links(name)) {
        asked.set(digest, Math.max(link.asked, asked.get(digest) ?? 0));
      }
    }
    let total = 0;
    let since = Number.POSITIVE_INFINITY;
    for (const [digest, time] of [...asked].sort(([, a], [, b]) => b - a)) {
      total += (await this.#repositories.blobs.size(digest)) ?? 0;
      if (total > bytes) return since;
      since = time;
    }
    return 0;
  }

  /** What belongs to a repository, and when it was asked for last. */
  async #links(name: RepositoryName): Promise<Map<Digest, { kind: "manifest" | "blob"; asked: number }>> {
    const { storage } = this.#repositories.blobs;
    const links = new Map<Digest, { kind: "manifest" | "blob"; asked: number }>();
    for (const digest of await this.#repositories.layers(name)) {
      links.set(digest, { kind: "blob", asked: (await storage.modified(layout.layerLink(name, digest))) ?? 0 });
    }
    for (const digest of await this.#repositories.revisions(name)) {
      links.set(digest, { kind: "manifest", asked: (await storage.modified(layout.revisionLink(name, digest))) ?? 0 });
    }
    return links;
  }
}
