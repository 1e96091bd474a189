/** What of a registry may be collected: in one of its own, what nothing refers to. */
import type { Digest } from "../lib/digest.ts";
import type { RepositoryName } from "./layout.ts";
import { type ParsedManifest, parseManifest } from "./manifest.ts";
import type { Repositories } from "./repositories.ts";

/** One repository as a collection sees it. */
export interface Holdings {
  /** Manifests that may go, each with its subject. */
  readonly dead: ReadonlyMap<Digest, Digest | null>;
  /** One of {@link dead} has gone. */
  removed(digest: Digest): void;
  /** What must stay for this repository now: manifests and blobs, its own or others'. */
  needed(): ReadonlySet<Digest>;
}

/** Decides what stays. */
export interface Retention {
  /** Looks at everything at the beginning of a round, at `now` in milliseconds since 1970. */
  begin(now: number): Promise<void>;
  /** Throws where it cannot be told what a repository needs. */
  holdings(name: RepositoryName): Promise<Holdings>;
}

/** Keeps manifests, but for untagged ones where those are to go, and what they refer to. */
export class ReferencedRetention implements Retention {
  readonly #repositories: Repositories;
  readonly #untagged: boolean;

  /** `untagged` lets manifests go that no tag, no index and no subject leads to. */
  constructor(repositories: Repositories, untagged: boolean) {
    this.#repositories = repositories;
    this.#untagged = untagged;
  }

  async begin(): Promise<void> {}

  async holdings(name: RepositoryName): Promise<Holdings> {
    const manifests = await this.#manifests(name);
    const dead = this.#untagged ? await this.#unreachable(name, manifests) : [];
    return {
      dead: new Map(dead.map((digest) => [digest, manifests.get(digest)?.subject ?? null])),
      removed: (digest) => void manifests.delete(digest),
      needed: () => new Set([...manifests].flatMap(([digest, { blobs }]) => [digest, ...blobs])),
    };
  }

  /** Every manifest of a repository, by digest. */
  async #manifests(name: RepositoryName): Promise<Map<Digest, ParsedManifest>> {
    const found = new Map<Digest, ParsedManifest>();
    for (const digest of await this.#repositories.revisions(name)) {
      const bytes = await this.#repositories.manifest(name, digest);
      if (bytes === null) throw new Error(`manifest ${digest} is missing`);
      found.set(digest, parseManifest(bytes, ""));
    }
    return found;
  }

  /** Manifests that neither a tag nor an index nor a subject that stays leads to. */
  async #unreachable(name: RepositoryName, manifests: ReadonlyMap<Digest, ParsedManifest>): Promise<Digest[]> {
    const reached = new Set<Digest>();
    const reach = (digest: Digest): void => {
      if (reached.has(digest)) return;
      reached.add(digest);
      for (const child of manifests.get(digest)?.manifests ?? []) reach(child);
    };
    for (const tag of await this.#repositories.tags(name)) {
      const digest = await this.#repositories.tagged(name, tag);
      if (digest) reach(digest);
    }
    // A referrer lives as long as its subject, and one of a referrer too.
    for (let before = -1; before !== reached.size; ) {
      before = reached.size;
      for (const [digest, { subject }] of manifests) if (subject && reached.has(subject)) reach(digest);
    }
    return [...manifests.keys()].filter((digest) => !reached.has(digest));
  }
}
