/** What the build cache holds, told and pruned: layers of steps, and the directories of cache mounts. */

import type { CacheEntry, PruneRequest } from "../builder.ts";
import type { BuilderImages, Layer } from "../collaborators.ts";
import type { BuildCache } from "./build-cache.ts";

/** Directories that outlive builds: those of cache mounts, repositories, and what clients have sent. */
export interface KeptDirectories {
  list(): Promise<readonly KeptDirectory[]>;
  /** Throws one away; false when it is in use or gone. */
  remove(id: string): boolean;
}

/** What is kept in directories, by the type of its entries. */
export type KeptByType = Readonly<Record<Exclude<CacheEntry["type"], "regular">, KeptDirectories>>;

export interface KeptDirectory {
  readonly id: string;
  readonly size: number;
  readonly inUse: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
}

export class CacheKeeper {
  readonly #cache: BuildCache;
  /** What is kept in directories, by the type of its entries. */
  readonly #directories: KeptByType;
  readonly #images: Pick<BuilderImages, "release" | "isUsedByImage">;

  constructor(cache: BuildCache, directories: KeptByType, images: Pick<BuilderImages, "release" | "isUsedByImage">) {
    this.#cache = cache;
    this.#directories = directories;
    this.#images = images;
  }

  async entries(): Promise<CacheEntry[]> {
    const layers = [...this.#cache.entries()].map(
      ([id, { description, size, createdAt, lastUsedAt, usageCount, layer }]): CacheEntry => ({
        id,
        type: "regular",
        description,
        inUse: false,
        shared: this.#images.isUsedByImage(layer.chainId),
        size,
        createdAt,
        lastUsedAt,
        usageCount,
      }),
    );
    const mounts = await this.#entriesOf("exec.cachemount", "cache mount");
    const repositories = await this.#entriesOf("source.git.checkout", "git repository");
    const files = await this.#entriesOf("source.http", "file of an address");
    const contexts = await this.#entriesOf("source.local", "local source for context");
    return [...layers, ...mounts, ...repositories, ...files, ...contexts];
  }

  async #entriesOf(type: keyof KeptByType, description: string): Promise<CacheEntry[]> {
    return (await this.#directories[type].list()).map(
      ({ id, size, inUse, createdAt, lastUsedAt }): CacheEntry => ({
        id,
        type,
        description,
        inUse,
        shared: false,
        size,
        createdAt: createdAt.toISOString(),
        lastUsedAt: lastUsedAt.toISOString(),
        usageCount: 1,
      }),
    );
  }

  /** Throws entries away, those that were not used for longest first, until what stays is small enough. */
  async prune(request: PruneRequest): Promise<{ ids: string[]; bytes: number }> {
    const entries = await this.entries();
    let kept = entries.reduce((sum, { size }) => sum + size, 0);
    const oldest = Date.now() - request.unusedForMs;
    const mayGo = ({ id, type, inUse, lastUsedAt }: CacheEntry): boolean =>
      !inUse &&
      (request.ids.length === 0 || request.ids.includes(id)) &&
      (request.types.length === 0 || request.types.includes(type)) &&
      Date.parse(lastUsedAt) <= oldest;
    const going: CacheEntry[] = [];
    for (const entry of entries.filter(mayGo).sort((a, b) => (a.lastUsedAt < b.lastUsedAt ? -1 : 1))) {
      if (request.keepBytes > 0 && kept <= request.keepBytes) break;
      kept -= entry.size;
      going.push(entry);
    }
    return { ids: going.map(({ id }) => id), bytes: await this.#remove(going) };
  }

  async #remove(entries: readonly CacheEntry[]): Promise<number> {
    let bytes = 0;
    const records = this.#cache.entries();
    const layers: Layer[] = [];
    for (const { id, type, size } of entries) {
      if (type !== "regular") bytes += this.#directories[type].remove(id) ? size : 0;
      else layers.push(records.get(id)!.layer);
    }
    this.#cache.remove(entries.filter(({ type }) => type === "regular").map(({ id }) => id));
    return bytes + (await this.#images.release(layers));
  }
}
