/**
 * The directories behind `RUN --mount=type=cache`, which outlive builds:
 *
 *     <root>/<hash of the id>.<number>   one directory; a second one where the first is taken and the mount is private
 */
import { mkdirSync, readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { NamedLocks } from "../../lib/operation-lock.ts";
import { UseCounts } from "../../lib/use-counts.ts";
import { usageOf } from "../../snapshots/usage.ts";
import type { RunMount } from "../dockerfile/plan/plan.ts";

type CacheMount = Extract<RunMount, { readonly type: "cache" }>;

/** A directory in use. */
export interface TakenCache extends Disposable {
  readonly path: string;
  /** It has just been made, and is empty. */
  readonly isNew: boolean;
}

const defaultMode = 0o755;

export class CacheMounts {
  readonly #root: string;
  readonly #discard: (path: string) => void;
  readonly #users = new UseCounts();
  readonly #locks = new NamedLocks();

  constructor(root: string, discard: (path: string) => void) {
    this.#root = root;
    this.#discard = discard;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  /**
   * Runs `body` with the directory; one user at a time of a `locked` one. What a cache begins with, `seed` (a digest, "" for
   * nothing), and whose it is tell it from others of its id.
   */
  async with<T>(mount: CacheMount, seed: string, body: (taken: TakenCache) => Promise<T>): Promise<T> {
    const hash = hashOf(mount, seed);
    const run = async (): Promise<T> => {
      using taken = this.#take(mount, hash);
      return await body(taken);
    };
    return mount.sharing === "locked" ? await this.#locks.run(hash, run) : await run();
  }

  #take(mount: CacheMount, hash: string): TakenCache {
    let number = 0;
    while (mount.sharing === "private" && this.#users.has(`${hash}.${number}`)) number++;
    const name = `${hash}.${number}`;
    const path = join(this.#root, name);
    const isNew = statSync(path, { throwIfNoEntry: false }) === undefined;
    if (isNew) mkdirSync(path, { mode: defaultMode });
    utimesSync(path, new Date(), new Date());
    return { path, isNew, ...this.#users.take(name) };
  }

  /** What is kept, by name. */
  async list(): Promise<{ id: string; size: number; inUse: boolean; createdAt: Date; lastUsedAt: Date }[]> {
    const names = readdirSync(this.#root);
    return await Promise.all(
      names.map(async (id) => {
        const path = join(this.#root, id);
        const { birthtime, mtime } = statSync(path);
        return {
          id,
          size: (await usageOf(path)).size,
          inUse: this.#users.has(id),
          createdAt: birthtime,
          lastUsedAt: mtime,
        };
      }),
    );
  }

  /** Throws one away; false when it is in use or gone. */
  remove(id: string): boolean {
    const path = join(this.#root, id);
    if (this.#users.has(id) || statSync(path, { throwIfNoEntry: false }) === undefined) return false;
    this.#discard(path);
    return true;
  }
}

/** A usual cache is known by its id alone. */
function hashOf({ id, source, uid, gid, mode }: CacheMount, seed: string): string {
  const place = seed === "" ? "" : source;
  const rights = source === "/" ? [uid, gid, mode] : [];
  const isUsual = seed === "" && rights.every((one) => one === null);
  return new Bun.CryptoHasher("sha256").update(isUsual ? id : JSON.stringify([id, seed, place, rights])).digest("hex");
}
