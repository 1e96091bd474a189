/** What the build cache holds, told and pruned: layers of steps, and the directories of cache mounts. */

import { messageOf } from "../../lib/errors.ts";
import type { CacheEntry, PruneRequest } from "../builder.ts";
import type { BuilderImages, Layer } from "../collaborators.ts";
import type { BuildCache } from "./build-cache.ts";
import { bytesToKeep, type CacheLimits, type CacheRule, cacheRules, type DiskSpace } from "./cache-rules.ts";

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

/** How long after a build the rules are followed, and how long they then are not. */
const soonMs = 1000;
const restMs = 60_000;

export interface CacheKeeperParts {
  readonly cache: Pick<BuildCache, "entries" | "remove">;
  /** What is kept in directories, by the type of its entries. */
  readonly directories: KeptByType;
  readonly images: Pick<BuilderImages, "release" | "isUsedByImage">;
  readonly disk: () => DiskSpace;
  readonly limits: CacheLimits;
  readonly log: (message: string) => void;
}

export class CacheKeeper {
  readonly #cache: CacheKeeperParts["cache"];
  readonly #directories: KeptByType;
  readonly #images: CacheKeeperParts["images"];
  readonly #parts: CacheKeeperParts;
  #restsUntil = 0;

  constructor(parts: CacheKeeperParts) {
    this.#cache = parts.cache;
    this.#directories = parts.directories;
    this.#images = parts.images;
    this.#parts = parts;
  }

  rules(): CacheRule[] {
    return cacheRules(this.#parts.limits, this.#parts.disk());
  }

  /** To be called after each build: before long the rules are followed, unless that was done a moment ago. */
  built(): void {
    const now = performance.now();
    if (now < this.#restsUntil) return;
    this.#restsUntil = now + restMs;
    setTimeout(() => {
      this.follow().catch((error) => this.#parts.log(`build cache: ${messageOf(error)}`));
    }, soonMs).unref();
  }

  /** Follows the rules, and gives the ids of what went. */
  async follow(): Promise<string[]> {
    const gone: string[] = [];
    for (const rule of this.rules()) gone.push(...(await this.prune(rule)).ids);
    return gone;
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
    const entries = (await this.entries()).filter(({ shared }) => request.all || !shared);
    let kept = entries.reduce((sum, { size }) => sum + size, 0);
    const keeps = bytesToKeep(request, kept, this.#parts.disk());
    const oldest = Date.now() - request.unusedForMs;
    const { types, fits = () => true } = request;
    const mayGo = (entry: CacheEntry): boolean =>
      !entry.inUse &&
      (types.length === 0 || types.includes(entry.type)) &&
      Date.parse(entry.lastUsedAt) <= oldest &&
      fits(entry);
    const going: CacheEntry[] = [];
    for (const entry of entries.filter(mayGo).sort((a, b) => (a.lastUsedAt < b.lastUsedAt ? -1 : 1))) {
      if (keeps !== null && kept <= keeps) break;
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
      else layers.push(...[records.get(id)?.layer].filter((layer) => layer !== undefined));
    }
    this.#cache.remove(entries.filter(({ type }) => type === "regular").map(({ id }) => id));
    return bytes + (await this.#images.release(layers));
  }
}
